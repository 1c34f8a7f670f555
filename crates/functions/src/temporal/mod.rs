//! Functions of dates and times.

mod add;
mod convert;
mod part;
mod strftime;
mod truncate;

use std::sync::Arc;

use esker_datatypes::{DataType, Error, Result};
use esker_kernels::parse::zone_offset;
use esker_kernels::temporal::DatePart;
use esker_logical_expr::Expr;
use esker_logical_expr::function::ScalarFunction;

/// Dates and times have a namespace: `col("ordered").dt().year()`.
pub trait TemporalExpr: Sized {
    /// The functions of dates and times.
    ///
    /// ```
    /// use esker_functions::TemporalExpr;
    /// use esker_logical_expr::col;
    /// assert_eq!(col("o_orderdate").dt().year().to_string(), "year(#o_orderdate)");
    /// ```
    fn dt(self) -> DtNamespace;
}

impl TemporalExpr for Expr {
    fn dt(self) -> DtNamespace {
        DtNamespace { expr: self }
    }
}

/// The functions of dates, times and timestamps. Null gives null; a date counts as its midnight; a
/// timestamp with a zone is read in its local time, and a zone whose offset changes within the year is
/// refused. Each refuses types that it does not take, at the call.
#[derive(Clone, Debug)]
#[must_use = "this is no expression yet: call a function"]
pub struct DtNamespace {
    expr: Expr,
}

impl DtNamespace {
    /// A call of a function on the date or time and further arguments.
    fn call(self, function: impl ScalarFunction, further: impl IntoIterator<Item = Expr>) -> Expr {
        let args = [self.expr].into_iter().chain(further);
        Expr::function(Arc::new(function), args)
    }
}

/// The family's list.
pub(crate) fn functions() -> Vec<Arc<dyn ScalarFunction>> {
    let mut functions: Vec<Arc<dyn ScalarFunction>> = vec![
        Arc::new(convert::Convert::Date),
        Arc::new(convert::Convert::Time),
        Arc::new(convert::Convert::EpochSeconds),
        Arc::new(strftime::Strftime::default()),
        Arc::new(strftime::Name::Day),
        Arc::new(strftime::Name::Month),
        Arc::new(truncate::Truncate::default()),
    ];
    for part in DatePart::ALL {
        functions.push(Arc::new(part::Part(part)));
    }
    for unit in add::Unit::ALL {
        functions.push(Arc::new(add::Add(unit)));
    }
    functions
}

/// What a function takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// Dates, times and timestamps.
    Any,
    /// Dates and timestamps.
    Dates,
    /// Timestamps.
    Timestamps,
}

/// The type of the argument, if a function takes it.
fn taken(function: &dyn ScalarFunction, args: &[DataType], takes: Takes) -> Result<DataType> {
    let given = args.first().ok_or_else(|| astray(function, 0))?;
    let (date, time) = match given {
        DataType::Date32 | DataType::Date64 => (true, false),
        DataType::Timestamp(_, zone) => {
            if let Some(zone) = zone.as_ref().filter(|zone| zone_offset(zone).is_none()) {
                return Err(Error::unsupported(format!(
                    "{}() in the local time of '{zone}': only zones of one offset are known",
                    function.name()
                )));
            }
            (true, true)
        }
        _ => (false, true),
    };
    let wanted = match takes {
        Takes::Any => return Ok(given.clone()),
        Takes::Dates if date => return Ok(given.clone()),
        Takes::Timestamps if date && time => return Ok(given.clone()),
        Takes::Dates => "a date or a timestamp",
        Takes::Timestamps => "a timestamp",
    };
    Err(Error::type_mismatch(format!(
        "{}() takes {wanted}, not {given}",
        function.name()
    )))
}

/// A call with another number of arguments than typing let pass.
fn astray(function: &dyn ScalarFunction, args: usize) -> Error {
    Error::internal(format!("{}() of {args} arguments", function.name()))
}

#[cfg(test)]
mod tests;
