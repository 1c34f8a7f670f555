//! Functions by name, for SQL, other languages and serialized plans.

use std::collections::BTreeMap;
use std::sync::Arc;

use esker_datatypes::{Error, Result};

use super::{AggregateFunction, ScalarFunction};

/// Functions by name. The Rust API does not need it: its calls hold their function.
#[derive(Clone, Debug, Default)]
pub struct FunctionRegistry {
    scalars: BTreeMap<String, Arc<dyn ScalarFunction>>,
    aggregates: BTreeMap<String, Arc<dyn AggregateFunction>>,
}

impl FunctionRegistry {
    /// Adds a scalar function under its name; a former one of that name is replaced and returned.
    pub fn register_scalar(
        &mut self,
        function: Arc<dyn ScalarFunction>,
    ) -> Option<Arc<dyn ScalarFunction>> {
        self.scalars.insert(function.name().to_owned(), function)
    }

    /// Adds an aggregate function under its name; a former one of that name is replaced and
    /// returned.
    pub fn register_aggregate(
        &mut self,
        function: Arc<dyn AggregateFunction>,
    ) -> Option<Arc<dyn AggregateFunction>> {
        self.aggregates.insert(function.name().to_owned(), function)
    }

    /// The scalar function of this name.
    ///
    /// # Errors
    /// `InvalidInput` when there is none.
    pub fn scalar(&self, name: &str) -> Result<Arc<dyn ScalarFunction>> {
        find(&self.scalars, name, "function")
    }

    /// The aggregate function of this name.
    ///
    /// # Errors
    /// `InvalidInput` when there is none.
    pub fn aggregate(&self, name: &str) -> Result<Arc<dyn AggregateFunction>> {
        find(&self.aggregates, name, "aggregate function")
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let mut names: Vec<&str> = self
            .scalars
            .keys()
            .chain(self.aggregates.keys())
            .map(String::as_str)
            .collect();
        names.sort_unstable();
        names.into_iter()
    }
}

fn find<T: ?Sized>(functions: &BTreeMap<String, Arc<T>>, name: &str, kind: &str) -> Result<Arc<T>> {
    functions.get(name).cloned().ok_or_else(|| {
        let names: Vec<&str> = functions.keys().map(String::as_str).collect();
        Error::invalid_input(format!(
            "there is no {kind} '{name}'; known are {}",
            names.join(", ")
        ))
    })
}
