// Names that AssemblyScript has built in, for the TypeScript that checks and runs these files in
// Node. Only widths that the portable subset allows are here; there is no 64-bit integer.
type i32 = number;
type u8 = number;
type u16 = number;
type u32 = number;
type f32 = number;
type f64 = number;
type bool = boolean;
