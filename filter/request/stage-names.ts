// Stages of a pick as people read them.
import { Text } from "../host/memory.ts";

const STAGES: StaticArray<Text> = [new Text("fresh"), new Text("stale"), new Text("blind")];

export function stageName(stage: u32): Text {
  return unchecked(STAGES[stage]);
}
