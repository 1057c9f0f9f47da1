import { beforeEach, describe, expect, test } from "vitest";
import { ask } from "../support/asked.ts";
import { bodyWith, EncodingGateway, imageOf, textOf } from "../support/encoding-gateway.ts";

const IMAGE = imageOf("https://a.example/cat.png");
const OTHER = imageOf("https://a.example/dog.png");

let gateway: EncodingGateway;
beforeEach(() => {
  gateway = new EncodingGateway();
});

describe("a part is read as model servers read it:", () => {
  const callsFor = (body: string) => {
    ask(gateway.worker, { body });
    return gateway.legs.map((call) => textOf(call.body).match(/^.*content":\[(.*)\]\}\],"max/)![1]);
  };

  test("its type may stand behind its medium", () => {
    const late = '{"image_url":{"detail":"low","url":"a"},"type":"image_url"}';
    expect(callsFor(bodyWith([late]))).toEqual([late]);
  });

  test("of members that stand twice, the last one holds", () => {
    const twice = `{"type":"text","image_url":{"url":"a"},"type":"image_url","image_url":{"url":"b"}}`;
    expect(callsFor(bodyWith([twice, imageOf("a"), imageOf("b")]))).toEqual([twice, imageOf("a")]);
  });

  test("of messages that stand twice, too", () => {
    const body = bodyWith([IMAGE], `,"messages":[{"role":"user","content":[${OTHER}]}]`);
    expect(callsFor(body)).toEqual([OTHER]);
  });

  test("what looks like one elsewhere is none", () => {
    const tools = `,"tools":[${IMAGE}],"messages2":[{"content":[${IMAGE}]}]`;
    const nested = `{"type":"text","text":"a","x":[${IMAGE}]}`;
    expect(callsFor(bodyWith([OTHER, nested], tools))).toEqual([OTHER]);
  });

  test("a URL as a plain string is a medium of its own", () => {
    const plain = '{"type":"image_url","image_url":"a"}';
    expect(callsFor(bodyWith([plain, plain]))).toEqual([plain, plain]);
  });

  test("one URL is one, however it is spelled", () => {
    const escaped = IMAGE.replace("https:", "https\\u003a");
    expect(callsFor(bodyWith([IMAGE, escaped]))).toEqual([IMAGE]);
  });

  test("a limit of the newer name is set where the client sets it", () => {
    ask(gateway.worker, { body: bodyWith([IMAGE], ',"max_completion_tokens":7') });
    const body = JSON.parse(textOf(gateway.leg.body));
    expect([body.max_tokens, body.max_completion_tokens]).toEqual([1, 1]);
  });
});
