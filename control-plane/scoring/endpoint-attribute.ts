// A number of an endpoint that its engine's metrics tell under a name of the operator's choice
// (`customMetrics` of core-metrics-extractor).
import { Type } from "typebox";
import { numberWord, type ValueOf } from "./values.ts";

const EXTRACTOR = "core-metrics-extractor";

export const attributeProducer = Type.Optional(Type.String());

/** What is wrong with an attribute, given as `key`, and its producer; undefined where nothing is. */
export function attributeProblem(key: string, attribute: string, producer: string | undefined) {
  if (producer === undefined && attribute.includes("/")) {
    return { path: [key], problem: "has a slash: give the producer apart, as producer" };
  }
  if (producer === undefined || producer === EXTRACTOR) return undefined;
  return { path: ["producer"], problem: `only ${EXTRACTOR} produces attributes here` };
}

export function attributeValue(attribute: string): ValueOf {
  return ({ reading }) => {
    const attributes = reading?.attributes ?? {};
    return numberWord(Object.hasOwn(attributes, attribute) ? attributes[attribute] : undefined);
  };
}
