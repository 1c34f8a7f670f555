//! The settings that must not change a result.

use std::fmt;

use esker_dataframe::prelude::*;

/// One of all combinations of what a context can be told for verification.
pub(crate) struct Setting {
    pub(crate) optimizer: bool,
    pub(crate) threads: usize,
    /// Rows in a batch, and in a split of a table in memory, so that workers share small tables.
    pub(crate) batch_size: usize,
    pub(crate) dictionary_strings: bool,
    pub(crate) constant_hash: bool,
    pub(crate) runtime_filters: bool,
    /// The context of these settings, which all cases share.
    pub(crate) context: ExecutionContext,
}

impl Setting {
    /// Every combination.
    pub(crate) fn all() -> Result<Vec<Self>> {
        let mut settings = Vec::new();
        let switches = [
            (false, false, true),
            (false, false, false),
            (true, false, true),
            (false, true, true),
            (true, true, false),
        ];
        for optimizer in [true, false] {
            for threads in [1, 4] {
                for batch_size in [1, 3, 1024] {
                    for (dictionary_strings, constant_hash, runtime_filters) in switches {
                        let context = ExecutionContext::builder()
                            .optimizer(optimizer)
                            .threads(threads)
                            .batch_size(batch_size)
                            .dictionary_strings(dictionary_strings)
                            .constant_hash(constant_hash)
                            .runtime_filters(runtime_filters)
                            .build()?;
                        settings.push(Self {
                            optimizer,
                            threads,
                            batch_size,
                            dictionary_strings,
                            constant_hash,
                            runtime_filters,
                            context,
                        });
                    }
                }
            }
        }
        Ok(settings)
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "optimizer={}, threads={}, batch_size={}, dictionary_strings={}, constant_hash={}, \
             runtime_filters={}",
            self.optimizer,
            self.threads,
            self.batch_size,
            self.dictionary_strings,
            self.constant_hash,
            self.runtime_filters
        )
    }
}
