// Text that is put together in memory made once: headers, JSON, names of metrics.
import { Text } from "./host/memory.ts";

const DIGITS_MAX: i32 = 20;
const digits: usize = heap.alloc(DIGITS_MAX);

export class TextBuffer {
  at: usize;
  bytes: u32 = 0;
  private bytesMax: u32;

  constructor(bytesMax: u32) {
    this.at = heap.alloc(bytesMax);
    this.bytesMax = bytesMax;
  }

  clear(): void {
    this.bytes = 0;
  }

  /** Takes the last byte back. */
  removeLast(): void {
    if (this.bytes > 0) this.bytes--;
  }

  /** Room that is left; what does not fit is left out whole. */
  get room(): u32 {
    return this.bytesMax - this.bytes;
  }

  add(at: usize, bytes: u32): void {
    if (bytes > this.room) return;
    memory.copy(this.at + this.bytes, at, bytes);
    this.bytes += bytes;
  }

  addText(text: Text): void {
    this.add(text.at, text.bytes);
  }

  addByte(value: u8): void {
    if (this.room === 0) return;
    store<u8>(this.at + this.bytes, value);
    this.bytes++;
  }

  addWord(value: u32): void {
    if (this.room < 4) return;
    store<u32>(this.at + this.bytes, value);
    this.bytes += 4;
  }

  addInteger(value: u64): void {
    let left = value;
    let length: i32 = 0;
    do {
      length++;
      store<u8>(digits + <usize>(DIGITS_MAX - length), <u8>(48 + (left % 10)));
      left /= 10;
    } while (left !== 0);
    this.add(digits + <usize>(DIGITS_MAX - length), length);
  }

  /** A number with up to three decimals. */
  addNumber(value: f64): void {
    if (!(value >= 0 || value < 0)) {
      this.addByte(48);
      return;
    }
    if (value < 0) this.addByte(45);
    const thousandths = <u64>min(abs(value) * 1_000 + 0.5, 1e18);
    this.addInteger(thousandths / 1_000);
    const rest = <u32>(thousandths % 1_000);
    if (rest === 0) return;
    this.addByte(46);
    this.addByte(<u8>(48 + rest / 100));
    if (rest % 100 === 0) return;
    this.addByte(<u8>(48 + ((rest / 10) % 10)));
    if (rest % 10 !== 0) this.addByte(<u8>(48 + (rest % 10)));
  }

  /** Header pairs as the host takes them: one name and value after another, counted at the front. */
  addPairs(pairs: StaticArray<Text>): void {
    this.addWord(<u32>pairs.length / 2);
    this.addSizes(pairs);
    this.addContent(pairs);
  }

  /** As addPairs, and one more pair at the end, if its value is not empty. */
  addPairsAnd(pairs: StaticArray<Text>, name: Text, value: TextBuffer): void {
    if (value.bytes === 0) {
      this.addPairs(pairs);
      return;
    }
    this.addWord(<u32>pairs.length / 2 + 1);
    this.addSizes(pairs);
    this.addWord(name.bytes);
    this.addWord(value.bytes);
    this.addContent(pairs);
    this.addText(name);
    this.addByte(0);
    this.add(value.at, value.bytes);
    this.addByte(0);
  }

  private addSizes(pairs: StaticArray<Text>): void {
    for (let i = 0; i < pairs.length; i++) this.addWord(unchecked(pairs[i]).bytes);
  }

  private addContent(pairs: StaticArray<Text>): void {
    for (let i = 0; i < pairs.length; i++) {
      this.addText(unchecked(pairs[i]));
      this.addByte(0);
    }
  }
}
