//! What most programs import: `use esker_dataframe::prelude::*`.

pub use esker_datasource::CsvOptions;
pub use esker_datatypes::{DataType, Error, ErrorKind, Result, ScalarValue, TimeUnit};
pub use esker_functions::{ConditionalExpr, MathExpr, coalesce};
pub use esker_logical_expr::{Expr, IntoExpr, IntoOperand, col, lit, when};

pub use crate::{DataFrame, ExecutionContext, Query, Table};
