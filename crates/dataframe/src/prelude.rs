//! What most programs import: `use esker_dataframe::prelude::*`.

pub use esker_datasource::{CsvOptions, ParquetCompression, ParquetOptions, ParquetWriteOptions};
pub use esker_datatypes::{DataType, Error, ErrorKind, Result, ScalarValue, TimeUnit};
pub use esker_functions::{
    AggregateExpr, ConditionalExpr, Count, First, Last, MathExpr, NUnique, Std, StringExpr,
    TemporalExpr, Var, coalesce, corr, len,
};
pub use esker_logical_expr::{Expr, IntoExpr, IntoOperand, IntoSortKey, SortKey, col, lit, when};

pub use crate::{DataFrame, Distinct, ExecutionContext, Join, Query, Table};
