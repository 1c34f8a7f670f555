//! The settings that must not change a result.

use std::collections::HashMap;
use std::fmt;
use std::sync::{LazyLock, Mutex, PoisonError};

use esker_dataframe::prelude::*;
use esker_optimizer::Optimizer;

/// What rewrites the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Optimizing {
    Off,
    On,
    /// All rules but one.
    Without(&'static str),
}

/// How a query runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Setting {
    pub(crate) optimizing: Optimizing,
    pub(crate) threads: usize,
    /// Rows in a batch, and in a split of a table in memory, so that workers share small tables.
    pub(crate) batch_size: usize,
    pub(crate) dictionary_strings: bool,
    /// All keys have the same hash.
    pub(crate) constant_hash: bool,
    /// Joins tell scans which keys they have.
    pub(crate) runtime_filters: bool,
}

impl Setting {
    /// Threads, rows in a batch and encodings that take turns, for one way of optimizing.
    pub(crate) fn rotating(optimizing: Optimizing, turn: usize) -> Self {
        const TURNS: [(usize, usize, bool, bool); 9] = [
            (1, 1024, false, false),
            (4, 3, false, false),
            (1, 3, true, true),
            (4, 1, false, false),
            (4, 1024, true, false),
            (1, 1, false, false),
            (4, 3, true, false),
            (1, 3, false, false),
            (4, 3, false, true),
        ];
        let (threads, batch_size, dictionary_strings, constant_hash) = TURNS[turn % TURNS.len()];
        Self {
            optimizing,
            threads,
            batch_size,
            dictionary_strings,
            constant_hash,
            runtime_filters: turn.is_multiple_of(2),
        }
    }

    /// Every combination of the optimizer with threads and rows in a batch; encodings and hashes
    /// take turns.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for optimizing in [Optimizing::Off, Optimizing::On] {
            for threads in [1, 4] {
                for batch_size in [1, 3, 1024] {
                    all.push(Self {
                        optimizing,
                        threads,
                        batch_size,
                        dictionary_strings: all.len() % 3 == 1,
                        constant_hash: all.len() % 5 == 2,
                        runtime_filters: all.len() % 4 != 3,
                    });
                }
            }
        }
        all
    }

    /// The context of these settings; all tests share it.
    pub(crate) fn context(self) -> ExecutionContext {
        static CONTEXTS: LazyLock<Mutex<HashMap<Setting, ExecutionContext>>> =
            LazyLock::new(Mutex::default);
        let mut contexts = CONTEXTS.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let mut builder = ExecutionContext::builder()
                .optimizer(self.optimizing != Optimizing::Off)
                .threads(self.threads)
                .batch_size(self.batch_size)
                .dictionary_strings(self.dictionary_strings)
                .constant_hash(self.constant_hash)
                .runtime_filters(self.runtime_filters);
            if let Optimizing::Without(rule) = self.optimizing {
                builder = builder.without_rule(rule);
            }
            builder.build().unwrap()
        };
        contexts.entry(self).or_insert_with(make).clone()
    }
}

/// The optimizer's rules.
pub(crate) fn rule_names() -> Vec<&'static str> {
    Optimizer::new().rule_names()
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExecutionContext::builder()")?;
        match self.optimizing {
            Optimizing::Off => f.write_str(".optimizer(false)")?,
            Optimizing::On => {}
            Optimizing::Without(rule) => write!(f, ".without_rule({rule:?})")?,
        }
        write!(f, ".threads({})", self.threads)?;
        write!(f, ".batch_size({})", self.batch_size)?;
        if self.dictionary_strings {
            f.write_str(".dictionary_strings(true)")?;
        }
        if self.constant_hash {
            f.write_str(".constant_hash(true)")?;
        }
        if !self.runtime_filters {
            f.write_str(".runtime_filters(false)")?;
        }
        f.write_str(".build()?")
    }
}
