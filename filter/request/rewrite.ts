// Which model a request is for: what a rule says of the name it has, else what its header names, else
// that name. The body names it then, and the client sees its own name in the answer.
import { NO_NUMBER } from "../../protocol/records.ts";
import { counters } from "../hints/counters.ts";
import {
  ANY_POOL,
  areRewrites,
  drawTarget,
  NO_RULE,
  poolOfRule,
  ruleForAny,
  ruleForModel,
  targetName,
  targetText,
  targetTextBytes,
} from "../hints/rewrites.ts";
import { bufferAt, REQUEST_BODY, readBuffer } from "../host/buffers.ts";
import { REQUEST_HEADERS, removeHeader, setHeader } from "../host/headers.ts";
import { Text } from "../host/memory.ts";
import { edits } from "./edited-body.ts";
import { editsOf } from "./edited-response.ts";
import { Request } from "./live.ts";
import { NamedTarget } from "./named-target.ts";
import * as choice from "./pool-choice.ts";
import { API_NONE, Prompt } from "./prompt.ts";
import { random } from "./random.ts";
import { EDIT_MODEL, EDIT_TEXT_BYTES_MAX } from "./response-edits.ts";

const CONTENT_LENGTH = new Text("content-length");
const ACCEPT_ENCODING = new Text("accept-encoding");
const IDENTITY = new Text("identity");
const COMMA = new Text(",");
const MEMBER = new Text('"model":');

const named = new NamedTarget();

/**
 * Where headers cannot be changed once the body is there (attachment B), the body may become another
 * one only if nobody is told its length, and the answer must come as it is read here.
 */
export function openToRewrites(request: Request, isHeld: bool): void {
  request.mayRewrite = isHeld || areRewrites();
  if (isHeld || !request.mayRewrite) return;
  removeHeader(REQUEST_HEADERS, CONTENT_LENGTH);
  askPlainAnswer();
}

/** Asks for an answer that is not compressed, which could not be edited. */
export function askPlainAnswer(): void {
  setHeader(REQUEST_HEADERS, ACCEPT_ENCODING, IDENTITY.at, IDENTITY.bytes);
}

/** Answers the hash of the name of the model that the request is for. Its body is read. */
export function rewriteModel(request: Request, isHeld: bool): u64 {
  const prompt = request.prompt;
  if (!prompt.readable || !request.mayRewrite) return prompt.model;
  const rule = areRewrites() ? ruleFor(request) : NO_RULE;
  if (rule !== NO_RULE) {
    if (request.pool === choice.BY_MODEL) followRule(request, rule);
    const target = drawTarget(rule, random());
    const bytes = targetTextBytes(target);
    return name(request, targetName(target), targetText(target), bytes, isHeld);
  }
  if (!request.namesTarget || !isHeld || !named.read()) return prompt.model;
  return name(request, named.hash, named.at, named.bytes, isHeld);
}

/** An exact match wins over a rule for all models; and there, where the model decides, of any pool. */
function ruleFor(request: Request): i32 {
  const prompt = request.prompt;
  const isByModel = request.pool === choice.BY_MODEL;
  const exact = prompt.hasModel
    ? ruleForModel(prompt.model, isByModel ? ANY_POOL : request.pool)
    : NO_RULE;
  if (exact !== NO_RULE) return exact;
  if (!prompt.hasModel && request.api === API_NONE) return NO_RULE;
  return ruleForAny(isByModel ? choice.poolOfRequest(prompt.model) : request.pool);
}

/** A pool's rule leads to the pool; one that counts is of a pool that serves. */
function followRule(request: Request, rule: i32): void {
  const pool = poolOfRule(rule);
  if (pool !== NO_NUMBER) request.pool = pool;
}

/** Has the body name the model, whose name is given as a JSON string. */
function name(request: Request, model: u64, text: usize, bytes: u32, isHeld: bool): u64 {
  const prompt = request.prompt;
  if (prompt.hasModel && prompt.model === model) return model;
  if (prompt.hasModel) {
    keepAskedName(request);
    if (isHeld) askPlainAnswer();
    edits.replace(prompt.modelStart, prompt.modelEnd, text, bytes);
  } else {
    insertName(prompt, text, bytes);
  }
  counters.modelsRewritten++;
  return model;
}

function insertName(prompt: Prompt, text: usize, bytes: u32): void {
  const at = prompt.bodyEnd;
  if (prompt.hasMembers) edits.replace(at, at, COMMA.at, COMMA.bytes);
  edits.replace(at, at, MEMBER.at, MEMBER.bytes);
  edits.replace(at, at, text, bytes);
}

/** The answer gets the name as the request's body spells it. */
function keepAskedName(request: Request): void {
  const start = request.prompt.modelStart;
  const bytes = request.prompt.modelEnd - start;
  const read = bytes > EDIT_TEXT_BYTES_MAX ? 0 : readBuffer(REQUEST_BODY, start, bytes);
  if (read === 0) counters.responsesUnedited++;
  else editsOf(request).replace(EDIT_MODEL, bufferAt(), read);
}
