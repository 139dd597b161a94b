//! Chance that is the same each time.

/// A linear congruential generator (Knuth's MMIX), of which the high bits are used.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        dice.below(2);
        dice
    }

    /// From 0 to one less than `most`.
    pub fn below(&mut self, most: i64) -> i64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as i64) % most.max(1)
    }

    pub fn one_in(&mut self, most: i64) -> bool {
        self.below(most) == 0
    }
}
