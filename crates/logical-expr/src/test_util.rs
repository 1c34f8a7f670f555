//! Two tiny functions and an aggregate for the tests of layers that know no real ones.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use esker_datatypes::{Column, DataType, Error, Result};
use esker_kernels::arith::{ArithOp, binary};

use crate::Expr;
use crate::function::{
    AggregateFunction, Call, FunctionProperties, GroupsAccumulator, ScalarFunction, Signature,
};

/// `double(x)`: twice a float. Strict, never fails.
pub fn double(expr: Expr) -> Expr {
    Expr::function(Arc::new(Double), [expr])
}

/// `fail_on(x, value=3)`: an `Int64` as it is, an error when a selected row holds the value.
pub fn fail_on(expr: Expr, value: i64) -> Expr {
    Expr::function(Arc::new(FailOn { value }), [expr])
}

/// `TOTAL(x)`: an aggregate that has types but no accumulator.
pub fn total(expr: Expr) -> Expr {
    Expr::aggregate(Arc::new(Total), [expr])
}

/// `KINDS(x)`: the total of the distinct values, just as far.
pub fn kinds(expr: Expr) -> Expr {
    Expr::aggregate(Arc::new(Kinds), [expr])
}

#[derive(Debug)]
struct Double;

impl ScalarFunction for Double {
    fn name(&self) -> &str {
        "double"
    }

    fn signature(&self) -> Signature {
        Signature::exact([DataType::Float64])
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn evaluate(&self, args: &[Column], call: &mut Call<'_>) -> Result<Column> {
        let [x] = args else {
            return Err(Error::internal("double takes one argument"));
        };
        binary(
            ArithOp::Add,
            x,
            x,
            call.return_type,
            call.selection,
            call.buffers,
        )
    }
}

#[derive(Debug)]
struct FailOn {
    value: i64,
}

impl ScalarFunction for FailOn {
    fn name(&self) -> &str {
        "fail_on"
    }

    fn signature(&self) -> Signature {
        Signature::exact([DataType::Int64])
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn properties(&self) -> FunctionProperties {
        FunctionProperties::default().fallible()
    }

    fn evaluate(&self, args: &[Column], call: &mut Call<'_>) -> Result<Column> {
        let [x] = args else {
            return Err(Error::internal("fail_on takes one argument"));
        };
        let flat = x.to_flat();
        let Some(values) = flat.as_primitive_opt::<Int64Type>() else {
            return Err(Error::internal(format!("fail_on of {}", flat.data_type())));
        };
        let nulls = values.nulls();
        let valid = |row: usize| nulls.is_none_or(|n| n.is_valid(row));
        if call
            .selection
            .iter()
            .any(|row| valid(row) && values.value(row) == self.value)
        {
            return Err(Error::evaluation(format!("fail_on met {}", self.value)));
        }
        Ok(x.clone())
    }

    fn options_text(&self) -> Option<String> {
        Some(format!("value={}", self.value))
    }
}

#[derive(Debug)]
struct Total;

impl AggregateFunction for Total {
    fn name(&self) -> &str {
        "total"
    }

    fn signature(&self) -> Signature {
        Signature::numeric(1..=1)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        match args {
            [data_type] if data_type.is_integer() => Ok(DataType::Int64),
            [data_type] => Ok(data_type.clone()),
            _ => Err(Error::internal("total takes one argument")),
        }
    }

    fn accumulator(&self, _args: &[DataType]) -> Result<Box<dyn GroupsAccumulator>> {
        Err(Error::unsupported(
            "computing total(), which is there for typing only",
        ))
    }
}

#[derive(Debug)]
struct Kinds;

impl AggregateFunction for Kinds {
    fn name(&self) -> &str {
        "kinds"
    }

    fn signature(&self) -> Signature {
        Total.signature()
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        Total.return_type(args)
    }

    fn accumulator(&self, args: &[DataType]) -> Result<Box<dyn GroupsAccumulator>> {
        Total.accumulator(args)
    }

    fn of_distinct(&self) -> Option<Arc<dyn AggregateFunction>> {
        Some(Arc::new(Total))
    }
}
