//! What a function must say of itself; the functions live in `esker-functions`.

mod aggregate;
mod registry;
mod scalar;
mod signature;

pub use aggregate::{AggregateFunction, AggregateProperties, GroupsAccumulator};
pub use registry::FunctionRegistry;
pub use scalar::{Call, FunctionProperties, Monotonicity, ScalarFunction, Volatility};
pub use signature::{Argument, Operand, Signature};
