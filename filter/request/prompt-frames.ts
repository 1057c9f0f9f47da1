// What is known of each container that is open, innermost last. One frame:
//
//   0 kind (1)   1 destination (1)   2 flags (1)   4 name bytes, or elements (4)
//   8 hash of the member's name (8)
//  16 combination of the elements so far (8); of the body and its scopes, offset of the last comma
//  24 index of the first member kept (4)           28 weight of the elements so far (4)
import {
  TO_CONTENT,
  TO_ELEMENT,
  TO_MEDIA,
  TO_MESSAGES,
  TO_NOTHING,
  TO_PART,
  TO_SCOPE,
  TO_SYSTEM,
  TO_TEXT,
  TO_TREE,
  TO_TYPE,
} from "./prompt-names.ts";

export const FRAME_BYTES: u32 = 32;

export const KIND_OUTSIDE: u32 = 0;
export const KIND_BODY: u32 = 1;
/** An object of settings in which something may have to be stripped. */
export const KIND_SCOPE: u32 = 2;
/** Nothing inside matters. */
export const KIND_SKIPPED: u32 = 3;
export const KIND_OBJECT: u32 = 4;
export const KIND_ARRAY: u32 = 5;
/** The list of messages. */
export const KIND_LIST: u32 = 6;
export const KIND_MESSAGE: u32 = 7;
/** The list of a message's parts. */
export const KIND_PARTS: u32 = 8;
export const KIND_PART: u32 = 9;

export const FLAG_MEDIUM: u32 = 1;
/** A member stays before this place. */
export const FLAG_STAYS: u32 = 2;
/** A part has had text. */
export const FLAG_TEXT: u32 = 4;

/** Frames that a prompt holds without storage of its own; deeper bodies are rare. */
export const OWN_FRAMES: u32 = 16;

export function openFrame(frame: usize, kind: u32, destination: u32, firstMember: u32): void {
  store<u32>(frame, kind | (destination << 8));
  store<u32>(frame, 0, 4);
  store<u64>(frame, 0, 16);
  store<u32>(frame, firstMember, 24);
  store<u32>(frame, 0, 28);
}

export function kindOf(frame: usize): u32 {
  return load<u8>(frame);
}

export function destinationOf(frame: usize): u32 {
  return load<u8>(frame, 1);
}

export function setDestination(frame: usize, destination: u32): void {
  store<u8>(frame, destination as u8, 1);
}

export function hasFlag(frame: usize, flag: u32): bool {
  return (load<u8>(frame, 2) & flag) !== 0;
}

export function setFlag(frame: usize, flag: u32): void {
  store<u8>(frame, (load<u8>(frame, 2) | flag) as u8, 2);
}

export function clearFlag(frame: usize, flag: u32): void {
  store<u8>(frame, (load<u8>(frame, 2) & ~flag) as u8, 2);
}

export function nameOf(frame: usize): u64 {
  return load<u64>(frame, 8);
}

export function nameBytesOf(frame: usize): u32 {
  return load<u32>(frame, 4);
}

export function setName(frame: usize, hash: u64, bytes: u32): void {
  store<u64>(frame, hash, 8);
  store<u32>(frame, bytes, 4);
}

export function elementCountOf(frame: usize): u32 {
  return load<u32>(frame, 4);
}

export function elementsOf(frame: usize): u64 {
  return load<u64>(frame, 16);
}

export function weightOf(frame: usize): u32 {
  return load<u32>(frame, 28);
}

export function addElement(frame: usize, elements: u64, weightBytes: u32): void {
  store<u32>(frame, load<u32>(frame, 4) + 1, 4);
  store<u64>(frame, elements, 16);
  store<u32>(frame, load<u32>(frame, 28) + weightBytes, 28);
}

export function lastCommaOf(frame: usize): u32 {
  return load<u32>(frame, 16);
}

export function setLastComma(frame: usize, offset: u32): void {
  store<u32>(frame, offset, 16);
}

export function firstMemberOf(frame: usize): u32 {
  return load<u32>(frame, 24);
}

/** What an object is whose value goes there. */
export function objectKind(destination: u32): u32 {
  switch (destination) {
    case TO_TREE:
    case TO_TYPE:
    case TO_MEDIA:
    case TO_TEXT:
      return KIND_OBJECT;
    case TO_PART:
    case TO_CONTENT:
    case TO_SYSTEM:
      return KIND_PART;
    case TO_ELEMENT:
    case TO_MESSAGES:
      return KIND_MESSAGE;
    default:
      return destination === TO_SCOPE ? KIND_SCOPE : KIND_SKIPPED;
  }
}

/** What an array is whose value goes there. */
export function arrayKind(destination: u32): u32 {
  switch (destination) {
    case TO_TREE:
    case TO_TYPE:
    case TO_MEDIA:
    case TO_TEXT:
    case TO_PART:
      return KIND_ARRAY;
    case TO_CONTENT:
    case TO_SYSTEM:
    case TO_ELEMENT:
      return KIND_PARTS;
    default:
      return destination === TO_MESSAGES ? KIND_LIST : KIND_SKIPPED;
  }
}

/** Where the elements of an array go whose own value goes there. */
export function elementDestination(kind: u32, destination: u32): u32 {
  if (kind === KIND_ARRAY) return TO_TREE;
  if (kind === KIND_PARTS) return TO_PART;
  if (kind === KIND_LIST) return TO_ELEMENT;
  return destination === TO_SCOPE ? TO_SCOPE : TO_NOTHING;
}
