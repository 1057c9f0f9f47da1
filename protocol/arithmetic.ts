// The one seam between the two compilations: wrapping 32-bit multiplication. AssemblyScript divides
// integers to zero here and multiplies natively; JavaScript gets one half and uses Math.imul.
const WRAPS: bool = 1 / 2 === 0;

/** Low 32 bits of a product of two u32. */
export function multiply(a: u32, b: u32): u32 {
  if (WRAPS) return (a * b) as u32;
  return (Math.imul(a as i32, b as i32) as u32) >>> 0;
}
