//! `add_days(x, n)`, `add_months(x, n)` and their neighbours.

use esker_datatypes::{Column, DataType, Result};
use esker_kernels::temporal::{self, Step};
use esker_logical_expr::function::{Argument, Call, FunctionProperties, ScalarFunction, Signature};
use esker_logical_expr::{Expr, IntoOperand};

use super::{DtNamespace, Takes, astray, taken};

/// See [`DtNamespace::add_days`] and its neighbours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Add(pub(crate) Unit);

/// By what is moved.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    Years,
    Months,
    Weeks,
    Days,
    Hours,
    Minutes,
    Seconds,
}

impl Unit {
    /// All of them.
    pub(crate) const ALL: [Self; 7] = [
        Self::Years,
        Self::Months,
        Self::Weeks,
        Self::Days,
        Self::Hours,
        Self::Minutes,
        Self::Seconds,
    ];

    fn step(self) -> Step {
        match self {
            Self::Years => Step::Months(12),
            Self::Months => Step::Months(1),
            Self::Weeks => Step::Days(7),
            Self::Days => Step::Days(1),
            Self::Hours => Step::Seconds(3_600),
            Self::Minutes => Step::Seconds(60),
            Self::Seconds => Step::Seconds(1),
        }
    }
}

/// Moving: the type stays, a negative number moves back, and a moment that the type does not hold is
/// an overflow error.
impl DtNamespace {
    /// So many years later; February 29th becomes the 28th where there is none.
    pub fn add_years(self, years: impl IntoOperand) -> Expr {
        self.call(Add(Unit::Years), [years.into_operand()])
    }

    /// So many months later; a day that the month does not have is its last, so that a month after
    /// January 31st is the end of February.
    pub fn add_months(self, months: impl IntoOperand) -> Expr {
        self.call(Add(Unit::Months), [months.into_operand()])
    }

    /// So many times seven days later.
    pub fn add_weeks(self, weeks: impl IntoOperand) -> Expr {
        self.call(Add(Unit::Weeks), [weeks.into_operand()])
    }

    /// So many days later.
    ///
    /// ```
    /// use esker_datatypes::ScalarValue;
    /// use esker_functions::TemporalExpr;
    /// use esker_logical_expr::{col, lit};
    /// let last = lit(ScalarValue::date(10561)).dt().add_days(-68);
    /// let shipped = col("ship_date").lt_eq(last);
    /// assert_eq!(
    ///     shipped.to_string(),
    ///     "#ship_date <= add_days(Date32('1998-12-01'), -68)",
    /// );
    /// ```
    pub fn add_days(self, days: impl IntoOperand) -> Expr {
        self.call(Add(Unit::Days), [days.into_operand()])
    }

    /// So many hours later; of a timestamp only, as the smaller units.
    pub fn add_hours(self, hours: impl IntoOperand) -> Expr {
        self.call(Add(Unit::Hours), [hours.into_operand()])
    }

    /// So many minutes later.
    pub fn add_minutes(self, minutes: impl IntoOperand) -> Expr {
        self.call(Add(Unit::Minutes), [minutes.into_operand()])
    }

    /// So many seconds later.
    pub fn add_seconds(self, seconds: impl IntoOperand) -> Expr {
        self.call(Add(Unit::Seconds), [seconds.into_operand()])
    }
}

impl ScalarFunction for Add {
    fn name(&self) -> &str {
        match self.0 {
            Unit::Years => "add_years",
            Unit::Months => "add_months",
            Unit::Weeks => "add_weeks",
            Unit::Days => "add_days",
            Unit::Hours => "add_hours",
            Unit::Minutes => "add_minutes",
            Unit::Seconds => "add_seconds",
        }
    }

    fn signature(&self) -> Signature {
        Signature::each([Argument::DateOrTime, Argument::Exact(DataType::Int64)], 2)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        let takes = match self.0 {
            Unit::Years | Unit::Months | Unit::Weeks | Unit::Days => Takes::Dates,
            Unit::Hours | Unit::Minutes | Unit::Seconds => Takes::Timestamps,
        };
        taken(self, args, takes)
    }

    fn properties(&self) -> FunctionProperties {
        FunctionProperties::default().fallible()
    }

    fn evaluate(&self, args: &[Column], call: &mut Call<'_>) -> Result<Column> {
        match args {
            [moment, amount] => {
                let step = self.0.step();
                temporal::add(moment, step, amount, call.selection, call.buffers)
            }
            _ => Err(astray(self, args.len())),
        }
    }
}
