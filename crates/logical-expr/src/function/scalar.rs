//! Scalar functions: one value a row.

use std::any::Any;
use std::fmt::Debug;

use esker_datatypes::{Buffers, Column, DataType, Result, Selection};

use super::Signature;

/// A scalar function: a value for each row from the arguments of that row.
///
/// An implementation is one file: a struct (with the options of the call, if it has any), its
/// typing, and the call of its kernel.
pub trait ScalarFunction: Any + Send + Sync + Debug {
    /// The name in plan text, SQL and the registry: lower case.
    fn name(&self) -> &str;

    /// How many arguments of which types it takes, and how others are coerced to them.
    fn signature(&self) -> Signature;

    /// The type of the result for arguments that the signature has coerced.
    ///
    /// # Errors
    /// `TypeMismatch` for types it does not take.
    fn return_type(&self, args: &[DataType]) -> Result<DataType>;

    /// What rules may assume.
    fn properties(&self) -> FunctionProperties {
        FunctionProperties::default()
    }

    /// The results for the selected rows of a batch.
    ///
    /// The arguments have the types of the signature, in any encoding. The result is a column of
    /// [`Call::rows`] rows of the [return type](Self::return_type); what stands in rows that are
    /// not selected does not matter, and none of them may raise an error.
    ///
    /// # Errors
    /// `Evaluation` for a value without a result.
    fn evaluate(&self, args: &[Column], call: &mut Call<'_>) -> Result<Column>;

    /// Options of this call that differ from the default, as they stand inside the parentheses of
    /// the plan text, behind the arguments: `scale=2`.
    ///
    /// All that makes two calls differ must be here, or [`same_as`](Self::same_as) must say so: a
    /// number that a closure has captured, a table it looks values up in.
    fn options_text(&self) -> Option<String> {
        None
    }

    /// Whether the other is the same function with the same options: equal arguments then give equal
    /// results. Rules rely on it, and compute one of two calls only, also where these stand in
    /// different parts of a plan.
    ///
    /// As provided, functions are the same if their Rust types, names and
    /// [options](Self::options_text) are. One with options or state that its text does not show has
    /// to compare them here (by the address of what calls share, if by nothing else), or to say
    /// `false`.
    fn same_as(&self, other: &dyn ScalarFunction) -> bool {
        self.type_id() == other.type_id()
            && self.name() == other.name()
            && self.options_text() == other.options_text()
    }
}

/// What a function is given beside its arguments.
#[derive(Debug)]
pub struct Call<'a> {
    /// How many rows the batch has.
    pub rows: usize,
    /// The rows to compute.
    pub selection: &'a Selection,
    /// The type of the result.
    pub return_type: &'a DataType,
    /// Where outputs and scratch come from.
    pub buffers: &'a mut Buffers,
}

/// Whether calls with equal arguments give equal results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Volatility {
    /// Always: it may be folded.
    #[default]
    Immutable,
    /// Within one query (`now()`).
    Stable,
    /// Never (`random()`): it may be neither folded, nor moved, nor merged.
    Volatile,
}

/// How the result follows an argument, the other arguments held fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Monotonicity {
    /// A greater argument never gives a smaller result.
    Increasing,
    /// A greater argument never gives a greater result.
    Decreasing,
}

/// What rules may assume of a scalar function. They ask this, never a name.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FunctionProperties {
    /// Whether calls with equal arguments give equal results.
    pub volatility: Volatility,
    /// Whether it can fail on a value; such a call is never moved to rows it would not have seen.
    pub fallible: bool,
    /// Whether a null argument makes the result null, and nothing else does.
    pub strict: bool,
    /// How the result follows each argument; shorter than the arguments means not known.
    pub monotonic: Vec<Option<Monotonicity>>,
    /// The cost of a row, in units of a comparison of two integers.
    pub cost: f64,
}

impl Default for FunctionProperties {
    /// Immutable, infallible, strict, not known to be monotonic, cost 4.
    fn default() -> Self {
        Self {
            volatility: Volatility::Immutable,
            fallible: false,
            strict: true,
            monotonic: Vec::new(),
            cost: 4.0,
        }
    }
}

impl FunctionProperties {
    /// The same, but it can fail on a value.
    #[must_use]
    pub fn fallible(mut self) -> Self {
        self.fallible = true;
        self
    }

    /// The same, but a null argument does not make the result null, or something else does too.
    #[must_use]
    pub fn not_strict(mut self) -> Self {
        self.strict = false;
        self
    }

    /// The same with this volatility.
    #[must_use]
    pub fn with_volatility(mut self, volatility: Volatility) -> Self {
        self.volatility = volatility;
        self
    }

    /// The same with this cost.
    #[must_use]
    pub fn with_cost(mut self, cost: f64) -> Self {
        self.cost = cost;
        self
    }

    /// The same with these monotonicities.
    #[must_use]
    pub fn with_monotonic(mut self, monotonic: Vec<Option<Monotonicity>>) -> Self {
        self.monotonic = monotonic;
        self
    }
}
