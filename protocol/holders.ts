// Who holds a key, and how old it is there: one number of an entry (see ENTRIES in records.ts).

const AGE_BITS: u32 = 20;
const AGE_MAX: u32 = 0xfffff;

/** An age over the limit of the index is told as just that: too old to be kept. */
export function holderOf(slot: u32, ageBlocks: u32): u32 {
  const age: u32 = ageBlocks < AGE_MAX ? ageBlocks : AGE_MAX;
  return ((slot << AGE_BITS) | age) >>> 0;
}

export function holderSlot(holder: u32): u32 {
  return holder >>> AGE_BITS;
}

export function holderAge(holder: u32): u32 {
  return (holder & AGE_MAX) >>> 0;
}
