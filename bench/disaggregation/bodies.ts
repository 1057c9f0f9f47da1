// The bodies of both legs, by splices of text: what a perfect sidecar spends on them.

const SENTENCE = "the quick brown fox jumps over the lazy dog ";
const START = '{"model":"m","max_tokens":16,"messages":[{"role":"user","content":"';
const END = '"}]}';
const LIMIT = '"max_tokens":16';

const ASK =
  '{"kv_transfer_params":{"do_remote_decode":true,"do_remote_prefill":false,"remote_engine_id":null,' +
  '"remote_block_ids":null,"remote_host":null,"remote_port":null},"stream":false,';

/** A chat of so many bytes whose prompt begins with `word`, so that no two are alike. */
export function chatOf(bytes: number, word: string): string {
  const room = Math.max(0, bytes - START.length - END.length - word.length - 1);
  const text = SENTENCE.repeat(room / SENTENCE.length + 1).slice(0, room);
  return `${START}${word} ${text}${END}`;
}

export function prefillBody(body: string): string {
  return ASK + body.slice(1).replace(LIMIT, '"max_tokens":1');
}

/** Throws where the answer hands nothing over. */
export function decodeBody(body: string, answer: string): string {
  const parameters = parametersOf(answer);
  if (parameters === undefined) throw new Error(`prefill handed nothing over: ${answer}`);
  return `{"kv_transfer_params":${parameters},${body.slice(1)}`;
}

const NAME = '"kv_transfer_params":';

/** The parameters' text: instant servers put them last. */
function parametersOf(answer: string): string | undefined {
  const at = answer.lastIndexOf(NAME);
  return at < 0 ? undefined : answer.slice(at + NAME.length, answer.lastIndexOf("}"));
}

/** What both servers of joined legs are asked: where to meet, and under which number. */
export function joinedBody(body: string, prefillPort: number): string {
  const room = Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
  const members = [
    '"bootstrap_host":"127.0.0.1"',
    `"bootstrap_port":${prefillPort}`,
    `"bootstrap_room":${room}`,
  ];
  return `{${members.join(",")},${body.slice(1)}`;
}
