//! The memory budget: who may have how many bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use esker_datatypes::{Error, Result};

/// A limit that all consumers of memory of a context share.
///
/// Consumers hold a [`Reservation`] each and grow it before they allocate. A refused grow leaves a
/// request that every worker polls once a batch ([`reclaim_requested`](Self::reclaim_requested))
/// and answers by freeing or spilling what it owns. The budget counts what it is told; it does not
/// watch the allocator.
///
/// ```
/// use esker_runtime::MemoryBudget;
/// let budget = MemoryBudget::with_limit(1000);
/// let mut table = budget.reserve("HashAggregateExec");
/// let mut sort = budget.reserve("SortExec");
/// table.try_grow(800)?;
/// assert!(sort.try_grow(300).is_err());
/// assert_eq!(budget.reclaim_requested(), Some(100));
/// table.shrink(150);
/// budget.reclaimed(150);
/// assert_eq!(budget.reclaim_requested(), None);
/// sort.try_grow(300)?;
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
#[derive(Debug)]
pub struct MemoryBudget {
    /// `u64::MAX` when there is none.
    limit: u64,
    used: AtomicU64,
    peak: AtomicU64,
    /// What a refused grow missed, less what was reclaimed since; 0 when nothing is wanted.
    missing: AtomicU64,
    /// What that grow asked for: the request lapses once so much is free.
    asked: AtomicU64,
}

impl MemoryBudget {
    /// A budget that counts and never refuses.
    pub fn unlimited() -> Arc<Self> {
        Self::with_limit(u64::MAX)
    }

    /// A budget of so many bytes.
    pub fn with_limit(bytes: u64) -> Arc<Self> {
        Arc::new(Self {
            limit: bytes,
            used: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            missing: AtomicU64::new(0),
            asked: AtomicU64::new(0),
        })
    }

    /// The limit in bytes, if there is one.
    pub fn limit(&self) -> Option<u64> {
        (self.limit != u64::MAX).then_some(self.limit)
    }

    /// The bytes that are reserved now.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// The most bytes that were ever reserved at once.
    pub fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    /// Whether less than half of the memory would be left with so many more bytes in use: then what
    /// only works ahead leaves the rest to what it waits for.
    pub fn leaves_little(&self, bytes: u64) -> bool {
        let half = self.limit().map(|limit| limit / 2);
        half.is_some_and(|half| self.used().saturating_add(bytes) > half)
    }

    /// An empty reservation; errors name the consumer.
    pub fn reserve(self: &Arc<Self>, consumer: impl Into<String>) -> Reservation {
        Reservation {
            budget: Arc::clone(self),
            consumer: consumer.into(),
            size: 0,
        }
    }

    /// How many bytes a refused grow still misses, or `None`: one relaxed load, to be polled once
    /// a batch. A request ends when enough was [`reclaimed`](Self::reclaimed), or when enough is
    /// free again for any other reason.
    pub fn reclaim_requested(&self) -> Option<u64> {
        match self.missing.load(Ordering::Relaxed) {
            0 => None,
            missing => self.still_missing(missing),
        }
    }

    /// A consumer gave up so many bytes in answer to a request (and shrank its reservation).
    ///
    /// So a request is answered once, even when others take the freed bytes at once; who is then
    /// refused again asks again.
    pub fn reclaimed(&self, bytes: u64) {
        subtract(&self.missing, bytes);
    }

    /// What is missing by the present state of the budget; forgets a request that has lapsed.
    #[cold]
    fn still_missing(&self, missing: u64) -> Option<u64> {
        let wanted = self
            .used()
            .saturating_add(self.asked.load(Ordering::Relaxed));
        let now = wanted.saturating_sub(self.limit).min(missing);
        if now == 0 {
            // Unless somebody was refused just now: that request stands.
            let (relaxed, zero) = (Ordering::Relaxed, 0);
            let _ = self
                .missing
                .compare_exchange(missing, zero, relaxed, relaxed);
            return None;
        }
        Some(now)
    }

    /// Takes bytes, or says how many were in use when there was no room for them.
    fn take(&self, bytes: u64) -> std::result::Result<(), u64> {
        let fits = |used: u64| used.checked_add(bytes).filter(|&sum| sum <= self.limit);
        let before = self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)?;
        self.peak.fetch_max(before + bytes, Ordering::Relaxed);
        Ok(())
    }

    /// Asks the workers for what a grow of `bytes` missed when `used` were in use.
    fn request(&self, bytes: u64, used: u64) {
        // More than there is at all: no reclaiming helps.
        if bytes > self.limit {
            return;
        }
        // Not a sum: the same consumer may try again and again.
        if self.missing.load(Ordering::Relaxed) == 0 {
            self.asked.store(bytes, Ordering::Relaxed);
        } else {
            self.asked.fetch_max(bytes, Ordering::Relaxed);
        }
        let missing = used.saturating_add(bytes) - self.limit;
        self.missing.fetch_max(missing, Ordering::Relaxed);
    }
}

/// The bytes that one consumer holds of a [`MemoryBudget`]; dropping it gives them back.
#[derive(Debug)]
pub struct Reservation {
    budget: Arc<MemoryBudget>,
    consumer: String,
    size: u64,
}

impl Reservation {
    /// The bytes that it holds.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Takes `bytes` more, or nothing.
    ///
    /// # Errors
    /// `ResourcesExhausted`, naming the consumer, when the limit leaves no room; the workers are
    /// asked to reclaim what is missing.
    pub fn try_grow(&mut self, bytes: u64) -> Result<()> {
        match self.budget.take(bytes) {
            Ok(()) => {
                self.size += bytes;
                Ok(())
            }
            Err(used) => {
                self.budget.request(bytes, used);
                Err(self.refused(bytes, used))
            }
        }
    }

    /// Grows or shrinks to `bytes` in all.
    ///
    /// # Errors
    /// As [`try_grow`](Self::try_grow); the size is then as before.
    pub fn try_resize(&mut self, bytes: u64) -> Result<()> {
        match bytes.checked_sub(self.size) {
            Some(more) => self.try_grow(more),
            None => {
                self.shrink(self.size - bytes);
                Ok(())
            }
        }
    }

    /// Gives `bytes` back, at most all.
    pub fn shrink(&mut self, bytes: u64) {
        let bytes = bytes.min(self.size);
        self.size -= bytes;
        self.budget.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Gives everything back.
    pub fn free(&mut self) {
        self.shrink(self.size);
    }

    #[cold]
    fn refused(&self, bytes: u64, used: u64) -> Error {
        Error::resources_exhausted(format!(
            "memory limit reached: {} holds {} and asked for {} more, but {} of {} are in use",
            self.consumer,
            format_bytes(self.size),
            format_bytes(bytes),
            format_bytes(used),
            format_bytes(self.budget.limit),
        ))
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.free();
    }
}

/// Subtracts, stopping at zero.
fn subtract(from: &AtomicU64, bytes: u64) {
    let less = |value: u64| Some(value.saturating_sub(bytes));
    // The closure always answers, so this cannot fail.
    let _ = from.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
}

/// So many bytes for people: `17 bytes`, `3.5 MiB`.
pub fn format_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let mut value = bytes as f64;
    let mut unit = "bytes";
    for larger in UNITS {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    format!("{value:.1} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn the_limit_holds_to_the_byte_and_drop_frees() {
        let budget = MemoryBudget::with_limit(100);
        let mut a = budget.reserve("a");
        let mut b = budget.reserve("b");
        a.try_grow(60).unwrap();
        b.try_resize(40).unwrap();
        assert!(b.try_grow(1).is_err());
        b.try_grow(0).unwrap();
        assert!(b.try_resize(41).is_err());
        assert_eq!((a.size(), b.size(), budget.used()), (60, 40, 100));
        a.try_resize(10).unwrap();
        b.shrink(1000);
        assert_eq!((b.size(), budget.used()), (0, 10));
        drop(a);
        assert_eq!((budget.used(), budget.peak()), (0, 100));
        assert_eq!(budget.limit(), Some(100));
    }

    #[test]
    fn a_refusal_names_consumer_and_numbers() {
        let budget = MemoryBudget::with_limit(4 << 20);
        let mut sort = budget.reserve("SortExec");
        sort.try_grow(3 << 20).unwrap();
        let error = sort.try_grow(1_572_864).unwrap_err();
        assert_eq!(
            error.to_string(),
            "memory limit reached: SortExec holds 3.0 MiB and asked for 1.5 MiB more, \
             but 3.0 MiB of 4.0 MiB are in use"
        );
    }

    #[test]
    fn an_unlimited_budget_counts_but_never_overflows() {
        let budget = MemoryBudget::unlimited();
        let mut a = budget.reserve("a");
        a.try_grow(u64::MAX - 1).unwrap();
        assert!(a.try_grow(2).is_err());
        assert_eq!((budget.limit(), budget.peak()), (None, u64::MAX - 1));
    }

    #[test]
    fn requests_last_until_answered_or_lapsed() {
        let budget = MemoryBudget::with_limit(100);
        let mut a = budget.reserve("a");
        let mut b = budget.reserve("b");
        let check = |want: Option<u64>| assert_eq!(budget.reclaim_requested(), want);
        a.try_grow(90).unwrap();
        check(None);
        // Refused twice for one wish: no double request.
        b.try_grow(50).unwrap_err();
        b.try_grow(50).unwrap_err();
        check(Some(40));
        // Freed and reported: counted once.
        a.shrink(15);
        budget.reclaimed(15);
        check(Some(25));
        // Freed for another reason: the request lapses.
        a.shrink(25);
        check(None);
        b.try_grow(50).unwrap();
        // Reported, but the bytes are gone again: answered all the same.
        b.try_grow(20).unwrap_err();
        check(Some(20));
        budget.reclaimed(1000);
        check(None);
        // Nothing helps against a wish above the limit.
        b.try_grow(101).unwrap_err();
        check(None);
    }

    #[test]
    fn threads_never_pass_the_limit_together() {
        let budget = MemoryBudget::with_limit(1000);
        #[expect(
            clippy::disallowed_methods,
            reason = "a stress test needs threads of its own"
        )]
        thread::scope(|scope| {
            for worker in 0..4_u64 {
                let budget = &budget;
                scope.spawn(move || {
                    let mut mine = budget.reserve(format!("worker {worker}"));
                    let mut refused = 0;
                    for round in 0..20_000_u64 {
                        if mine.try_grow(1 + (round * 7 + worker) % 90).is_err() {
                            refused += 1;
                            let wanted = budget.reclaim_requested().unwrap_or(0);
                            let freed = mine.size().min(wanted.max(50));
                            mine.shrink(freed);
                            budget.reclaimed(freed);
                        }
                        assert!(budget.used() <= 1000);
                    }
                    assert!(refused > 0);
                });
            }
        });
        assert_eq!(budget.used(), 0);
        assert!(budget.peak() <= 1000 && budget.peak() > 900);
        assert_eq!(budget.reclaim_requested(), None);
    }
}
