//! Random numbers: SplitMix64 (Steele, Lea and Flood, 2014), small and the same everywhere.

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    /// The stream number `index` of a seed.
    pub(crate) fn new(seed: u64, index: u64) -> Self {
        let mut random = Self { state: seed };
        let start = random.next();
        random.state = start ^ index.wrapping_mul(0xd134_2543_de82_ef95);
        random
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 when that is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % (end.max(1) as u64)) as usize
    }

    /// A number of a range, both ends included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as usize) as i64
    }

    /// Whether something happens that does so in `percent` of a hundred cases.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of several.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// Some of several, in their order; about half of them.
    pub(crate) fn some<T: Clone>(&mut self, items: &[T]) -> Vec<T> {
        let kept = items.iter().filter(|_| self.chance(50));
        kept.cloned().collect()
    }
}
