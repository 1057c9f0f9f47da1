// Reads a request body: told of each piece of JSON in order, it knows from the stack of containers
// what each is for, and hands it to the settings, the message, the tree hash, or nobody.
import { JsonHandler, LITERAL_NULL, SINK_HASH, SINK_PIECES, SINK_SKIP } from "../json/handler.ts";
import { combine } from "../json/text-hash.ts";
import { Tokenizer } from "../json/tokenizer.ts";
import { Growing } from "./keys-storage.ts";
import { arrayHash, literalHash, Members, scalarHash } from "./keys-tree.ts";
import * as frames from "./prompt-frames.ts";
import { PromptMessage } from "./prompt-message.ts";
import * as names from "./prompt-names.ts";
import { Segments } from "./prompt-segments.ts";
import { PromptSettings } from "./prompt-settings.ts";
import { Strips } from "./prompt-strips.ts";

/** Why a body cannot be read as a prompt, beside the tokenizer's own FAILED_*. */
export const FAILED_NOT_AN_OBJECT: u32 = 4;
export const FAILED_STRIPS: u32 = 5;

/** What an image, a sound, a video or a file weighs. */
export const MEDIUM_BYTES: u32 = 1024;

/** All words weigh the same. */
const WORD_BYTES: u32 = 4;

export class PromptReader extends JsonHandler {
  readonly tokens: Tokenizer = new Tokenizer();
  readonly segments: Segments = new Segments();
  readonly settings: PromptSettings = new PromptSettings();
  readonly strips: Strips = new Strips();
  /** Hash of the tools and their like. */
  tools: u64 = 0;
  /** The body is an object, as far as it has come. */
  isObject: bool = true;
  /** Offset of the body's last brace, and whether a member stands before it that is not stripped. */
  bodyEnd: u32 = 0;
  hasMembers: bool = false;
  /** A part of a message names a medium. */
  hasMedia: bool = false;

  private api: u32 = 0;
  private readonly message: PromptMessage = new PromptMessage(this.segments.text);
  private readonly members: Members = new Members();
  /** Frames of the containers that are open, and one around them. */
  private readonly stack: Growing = new Growing(frames.OWN_FRAMES * frames.FRAME_BYTES);
  private frame: usize = this.stack.start;

  begin(api: u32, blockBytes: u32): void {
    this.api = api;
    this.tools = 0;
    this.isObject = true;
    this.hasMedia = false;
    this.tokens.begin();
    this.segments.begin(blockBytes);
    this.settings.begin();
    this.strips.begin();
    this.end();
    this.message.beginSegment();
    this.frame = this.stack.start;
    frames.openFrame(this.frame, frames.KIND_OUTSIDE, names.TO_NOTHING, 0);
  }

  /** Gives back what only reading needs. */
  end(): void {
    this.members.begin();
    this.stack.shrink();
  }

  wantsKeys(): bool {
    return frames.kindOf(this.frame) !== frames.KIND_SKIPPED;
  }

  key(): void {
    const frame = this.frame;
    const hash = this.tokens.keyHash;
    const kind = frames.kindOf(frame);
    if (kind === frames.KIND_SKIPPED) return;
    frames.setName(frame, hash, this.tokens.keyBytes);
    if (kind <= frames.KIND_SCOPE) this.bodyKey(frame, kind, hash);
    else if (kind === frames.KIND_MESSAGE) this.messageKey(frame, hash);
    else if (kind === frames.KIND_PART) this.treeKey(frame, names.partDestination(hash));
    else this.treeKey(frame, names.treeDestination(hash));
  }

  private bodyKey(frame: usize, kind: u32, hash: u64): void {
    const head = this.tokens.hash.head();
    let to = names.bodyDestination(hash, this.api, kind === frames.KIND_SCOPE);
    if (names.isBootstrapName(head, this.tokens.keyBytes)) to = names.TO_STRIP;
    frames.setDestination(frame, to);
    if (to === names.TO_STRIP) {
      const stays = frames.hasFlag(frame, frames.FLAG_STAYS);
      this.strips.open(stays ? frames.lastCommaOf(frame) : this.tokens.keyStart);
      return;
    }
    frames.setFlag(frame, frames.FLAG_STAYS);
    this.settings.forget(to);
    if (to === names.TO_MESSAGES) this.segments.dropMessages();
    else if (to === names.TO_SYSTEM) this.segments.dropSystem();
  }

  private messageKey(frame: usize, hash: u64): void {
    const to = names.messageDestination(hash);
    this.treeKey(frame, to);
    if (to === names.TO_ROLE) this.message.role = 0;
    else if (to === names.TO_CONTENT) this.message.beginContent();
  }

  private treeKey(frame: usize, to: u32): void {
    frames.setDestination(frame, to);
    if (to === names.TO_TYPE) frames.clearFlag(frame, frames.FLAG_MEDIUM);
    else if (to === names.TO_TEXT) this.forgetPartText(frame);
  }

  /** A part's text comes, perhaps again: what an earlier one was is void. */
  private forgetPartText(frame: usize): void {
    if (frames.hasFlag(frame, frames.FLAG_TEXT)) this.message.forgetKeptText();
    frames.clearFlag(frame, frames.FLAG_TEXT);
    this.members.pushAbsent(frames.nameOf(frame));
  }

  beginString(offset: u32): u32 {
    const to = frames.destinationOf(this.frame);
    switch (to) {
      case names.TO_MODEL:
        this.settings.modelStart = offset;
        return SINK_HASH;
      case names.TO_SALT:
      case names.TO_ROLE:
      case names.TO_TREE:
      case names.TO_TYPE:
      case names.TO_MEDIA:
        return SINK_HASH;
      case names.TO_TEXT:
        frames.setFlag(this.frame, frames.FLAG_TEXT);
        this.message.beginTextToKeep();
        return SINK_PIECES;
      case names.TO_PART:
        this.message.beginText();
        return SINK_PIECES;
      case names.TO_CONTENT:
        return SINK_PIECES;
      case names.TO_ELEMENT:
      case names.TO_MESSAGES:
      case names.TO_SYSTEM:
        this.beginMessage(to);
        return SINK_PIECES;
      default:
        return SINK_SKIP;
    }
  }

  /** A value begins that is a message, or a segment and the first message of it. */
  private beginMessage(to: u32): void {
    if (to === names.TO_ELEMENT) this.message.begin();
    else if (to === names.TO_MESSAGES || to === names.TO_SYSTEM) this.message.beginSegment();
  }

  piece(source: usize, bytes: u32): void {
    this.segments.text.add(source, bytes);
  }

  override plain(source: usize, end: usize): usize {
    return this.segments.text.addPlain(source, end);
  }

  endString(offset: u32): void {
    const to = frames.destinationOf(this.frame);
    switch (to) {
      case names.TO_CONTENT:
      case names.TO_TEXT:
      case names.TO_PART:
        return;
      case names.TO_ROLE:
        this.message.role = this.tokens.hash.end();
        return;
      case names.TO_TYPE:
        this.takeType();
        return;
      case names.TO_TREE:
        this.give(this.tokens.hash.end(), this.tokens.hash.bytes);
        return;
      case names.TO_MEDIA:
        this.give(this.tokens.hash.end(), MEDIUM_BYTES);
        return;
      case names.TO_ELEMENT:
      case names.TO_MESSAGES:
      case names.TO_SYSTEM:
        this.endMessage(0, 0);
        return;
      case names.TO_MODEL:
        this.settings.modelEnd = offset;
        this.settings.takeText(to, this.tokens.hash);
        return;
      default:
        this.settings.takeText(to, this.tokens.hash);
    }
  }

  /** Ends the message, and the segment if the message is all of it. */
  private endMessage(rest: u64, restBytes: u32): void {
    const to = frames.destinationOf(this.frame);
    this.message.end(rest, restBytes);
    if (to === names.TO_MESSAGES) this.segments.endMessages();
    else if (to === names.TO_SYSTEM) this.segments.endSystem();
  }

  private takeType(): void {
    const frame = this.frame;
    const kind = frames.kindOf(frame);
    const hash = this.tokens.hash.end();
    const isPlain =
      kind === frames.KIND_MESSAGE
        ? names.isMessageType(hash)
        : kind === frames.KIND_PART && names.isTextType(hash);
    if (isPlain) {
      this.members.pushAbsent(frames.nameOf(frame));
      return;
    }
    if (names.isMediaType(hash)) {
      frames.setFlag(frame, frames.FLAG_MEDIUM);
      if (kind === frames.KIND_PART) this.hasMedia = true;
    }
    this.give(hash, this.tokens.hash.bytes);
  }

  /** A value of a tree has ended: to the object or array it is in. */
  private give(hash: u64, weightBytes: u32): void {
    const frame = this.frame;
    if (frames.kindOf(frame) === frames.KIND_ARRAY) {
      frames.addElement(frame, combine(frames.elementsOf(frame), hash), weightBytes);
      return;
    }
    const weight = weightBytes + frames.nameBytesOf(frame);
    this.members.push(frames.nameOf(frame), hash, weight);
  }

  beginNumber(_offset: u32): u32 {
    return names.isTree(frames.destinationOf(this.frame)) ? SINK_HASH : SINK_SKIP;
  }

  endNumber(_offset: u32): void {
    const to = frames.destinationOf(this.frame);
    const value = this.tokens.number.integer;
    const id = this.tokens.number.isNegative ? 0 - value : value;
    if (names.isTree(to)) {
      this.give(scalarHash(this.tokens.hash.end()), this.tokens.hash.bytes);
    } else if (to === names.TO_ELEMENT) {
      this.message.addIdOfRun(id);
    } else if (to === names.TO_PART || to === names.TO_CONTENT) {
      this.message.addId(id);
    } else if (to === names.TO_MESSAGES) {
      this.beginMessage(to);
      this.message.addId(id);
      this.endMessage(0, 0);
    } else if (this.tokens.number.isInteger() && !this.tokens.number.isNegative) {
      this.settings.takeNumber(to, value);
    }
  }

  literal(kind: u32): void {
    const to = frames.destinationOf(this.frame);
    if (names.isTree(to)) this.giveLiteral(kind);
    else if (to === names.TO_PART) this.message.put(literalHash(kind), WORD_BYTES);
    else if (to === names.TO_ELEMENT) {
      this.beginMessage(to);
      this.endMessage(literalHash(kind), WORD_BYTES);
    } else this.settings.takeLiteral(to, kind);
  }

  /** A null in the body, a message or a part is as if it were not there. */
  private giveLiteral(kind: u32): void {
    const place = frames.kindOf(this.frame);
    const isValue = place === frames.KIND_OBJECT || place === frames.KIND_ARRAY;
    if (kind !== LITERAL_NULL || isValue) this.give(literalHash(kind), WORD_BYTES);
    else this.members.pushAbsent(frames.nameOf(this.frame));
  }

  private open(kind: u32, to: u32): void {
    // Storage of the smallest size holds as many as the tokenizer allows.
    const used = this.tokens.depth * frames.FRAME_BYTES;
    if (used === this.stack.capacity) this.stack.grow(used);
    this.frame = this.stack.start + used;
    frames.openFrame(this.frame, kind, to, this.members.count);
  }

  beginObject(): void {
    const to = frames.destinationOf(this.frame);
    if (frames.kindOf(this.frame) === frames.KIND_OUTSIDE) {
      this.open(frames.KIND_BODY, names.TO_NOTHING);
    } else {
      this.beginMessage(to);
      this.open(frames.objectKind(to), names.TO_NOTHING);
    }
  }

  beginArray(): void {
    const to = frames.destinationOf(this.frame);
    if (frames.kindOf(this.frame) === frames.KIND_OUTSIDE) {
      // Nobody's prompt; but in each of its elements something may have to be stripped.
      this.isObject = false;
      this.open(frames.KIND_SKIPPED, names.TO_SCOPE);
    } else {
      const kind = frames.arrayKind(to);
      this.beginMessage(to);
      this.open(kind, frames.elementDestination(kind, to));
    }
  }

  endContainer(offset: u32): void {
    const frame = this.frame;
    const kind = frames.kindOf(frame);
    if (kind <= frames.KIND_SCOPE) this.closeStrip(frame, offset, false);
    this.frame = frame - frames.FRAME_BYTES;
    switch (kind) {
      case frames.KIND_BODY:
        this.bodyEnd = offset;
        this.hasMembers = frames.hasFlag(frame, frames.FLAG_STAYS);
        this.endTools(frame);
        break;
      case frames.KIND_OBJECT:
        this.endTree(frame);
        break;
      case frames.KIND_ARRAY:
        this.endTreeArray(frame);
        break;
      case frames.KIND_PART:
        this.endPart(frame);
        break;
      case frames.KIND_PARTS:
        if (frames.destinationOf(this.frame) !== names.TO_CONTENT) this.endMessage(0, 0);
        break;
      case frames.KIND_MESSAGE:
        this.endMessageObject(frame);
        break;
      case frames.KIND_LIST:
        this.message.endIdRun();
        this.segments.endMessages();
        break;
    }
  }

  /** The tools are the tree members of the body itself. */
  private endTools(frame: usize): void {
    const members = this.members;
    members.end(frames.firstMemberOf(frame));
    if (!members.isPresent) return;
    this.tools = members.hash;
    this.segments.setTools(members.weightBytes);
  }

  private endTree(frame: usize): void {
    this.members.end(frames.firstMemberOf(frame));
    this.give(this.members.hash, this.weight(frame));
  }

  /** Weight of the object that ended last. */
  private weight(frame: usize): u32 {
    const isMedium = frames.hasFlag(frame, frames.FLAG_MEDIUM);
    return isMedium ? MEDIUM_BYTES : this.members.weightBytes;
  }

  private endTreeArray(frame: usize): void {
    const hash = arrayHash(frames.elementsOf(frame));
    const to = frames.destinationOf(this.frame);
    const media = MEDIUM_BYTES * frames.elementCountOf(frame);
    const weight = to === names.TO_MEDIA ? media : frames.weightOf(frame);
    if (to === names.TO_PART) this.message.put(hash, weight);
    else this.give(hash, weight);
  }

  private endPart(frame: usize): void {
    this.members.end(frames.firstMemberOf(frame));
    if (this.members.isPresent) this.message.put(this.members.hash, this.weight(frame));
    if (frames.destinationOf(this.frame) === names.TO_SYSTEM) this.endMessage(0, 0);
  }

  private endMessageObject(frame: usize): void {
    const members = this.members;
    members.end(frames.firstMemberOf(frame));
    this.endMessage(members.isPresent ? members.hash : 0, members.weightBytes);
  }

  comma(offset: u32): void {
    const frame = this.frame;
    if (frames.kindOf(frame) > frames.KIND_SCOPE) return;
    this.closeStrip(frame, offset, true);
    frames.setLastComma(frame, offset);
  }

  /** A member of the body or of a scope has ended, at a comma or at the object's end. */
  private closeStrip(frame: usize, offset: u32, isComma: bool): void {
    const to = frames.destinationOf(frame);
    if (to !== names.TO_STRIP) return;
    frames.setDestination(frame, names.TO_NOTHING);
    const takesComma = isComma && !frames.hasFlag(frame, frames.FLAG_STAYS);
    if (!this.strips.close(takesComma ? offset + 1 : offset)) this.tokens.fail(FAILED_STRIPS);
  }
}
