//! `truncate(x, unit='month')`.

use esker_datatypes::{Column, DataType, Error, Result, ScalarValue};
use esker_kernels::temporal::{self, TruncateUnit};
use esker_logical_expr::Expr;
use esker_logical_expr::function::{
    Argument, Call, FunctionProperties, Monotonicity, ScalarFunction, Signature,
};

use super::{DtNamespace, Takes, astray, taken};

/// See [`DtNamespace::truncate`].
#[derive(Clone, Debug)]
pub(crate) struct Truncate {
    /// The unit as it was written.
    unit: String,
}

impl Default for Truncate {
    fn default() -> Self {
        Self {
            unit: TruncateUnit::Day.name().to_owned(),
        }
    }
}

impl DtNamespace {
    /// The last start of a unit at or before it: a `year`, `quarter`, `month`, `week` (it starts on
    /// Monday), `day`, `hour`, `minute` or `second`. The type stays; the smaller units leave a date
    /// as it is.
    ///
    /// A start before the first moment that the type holds is an overflow error.
    ///
    /// ```
    /// use esker_functions::TemporalExpr;
    /// use esker_logical_expr::col;
    /// let month = col("ts").dt().truncate("month");
    /// assert_eq!(month.to_string(), "truncate(#ts, unit='month')");
    /// ```
    pub fn truncate(self, unit: impl Into<String>) -> Expr {
        self.call(Truncate { unit: unit.into() }, [])
    }
}

impl Truncate {
    fn unit(&self) -> Result<TruncateUnit> {
        TruncateUnit::from_name(&self.unit).ok_or_else(|| {
            Error::invalid_input(format!(
                "truncate() knows year, quarter, month, week, day, hour, minute and second, not '{}'",
                self.unit
            ))
        })
    }
}

impl ScalarFunction for Truncate {
    fn name(&self) -> &str {
        "truncate"
    }

    fn signature(&self) -> Signature {
        Signature::each([Argument::DateOrTime], 1)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        self.unit()?;
        taken(self, args, Takes::Dates)
    }

    fn properties(&self) -> FunctionProperties {
        FunctionProperties::default()
            .fallible()
            .with_cost(4.0)
            .with_monotonic(vec![Some(Monotonicity::Increasing)])
    }

    fn evaluate(&self, args: &[Column], call: &mut Call<'_>) -> Result<Column> {
        match args {
            [moment] => temporal::truncate(self.unit()?, moment, call.selection, call.buffers),
            _ => Err(astray(self, args.len())),
        }
    }

    fn options_text(&self) -> Option<String> {
        Some(format!("unit={}", ScalarValue::from(self.unit.as_str())))
    }
}
