//! `year(x)`, `month(x)`, `hour(x)` and the other parts.

use esker_datatypes::{Column, DataType, Result};
use esker_kernels::temporal::{self, DatePart};
use esker_logical_expr::Expr;
use esker_logical_expr::function::{
    Argument, Call, FunctionProperties, Monotonicity, ScalarFunction, Signature,
};

use super::{DtNamespace, Takes, astray, taken};

/// See [`DtNamespace::year`] and its neighbours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part(pub(crate) DatePart);

/// Parts, as `Int32`.
impl DtNamespace {
    /// The year; 0 is the year before 1.
    pub fn year(self) -> Expr {
        self.call(Part(DatePart::Year), [])
    }

    /// The quarter of the year, 1 to 4.
    pub fn quarter(self) -> Expr {
        self.call(Part(DatePart::Quarter), [])
    }

    /// The month, 1 to 12.
    pub fn month(self) -> Expr {
        self.call(Part(DatePart::Month), [])
    }

    /// The week after ISO 8601, 1 to 53: weeks start on Monday, and the first one holds January 4th,
    /// so that it may belong to another [year](Self::iso_year) than the day.
    pub fn week(self) -> Expr {
        self.call(Part(DatePart::Week), [])
    }

    /// The year that the ISO week belongs to.
    pub fn iso_year(self) -> Expr {
        self.call(Part(DatePart::IsoYear), [])
    }

    /// The day of the month, 1 to 31.
    pub fn day(self) -> Expr {
        self.call(Part(DatePart::Day), [])
    }

    /// The day of the week, Monday is 0.
    pub fn weekday(self) -> Expr {
        self.call(Part(DatePart::Weekday), [])
    }

    /// The day of the week, Monday is 1.
    pub fn iso_weekday(self) -> Expr {
        self.call(Part(DatePart::IsoWeekday), [])
    }

    /// The day of the year, 1 to 366.
    pub fn day_of_year(self) -> Expr {
        self.call(Part(DatePart::DayOfYear), [])
    }

    /// The hour, 0 to 23. Takes times too, as do the smaller parts.
    pub fn hour(self) -> Expr {
        self.call(Part(DatePart::Hour), [])
    }

    /// The minute, 0 to 59.
    pub fn minute(self) -> Expr {
        self.call(Part(DatePart::Minute), [])
    }

    /// The second, 0 to 59.
    pub fn second(self) -> Expr {
        self.call(Part(DatePart::Second), [])
    }

    /// The milliseconds of the second, 0 to 999.
    pub fn millisecond(self) -> Expr {
        self.call(Part(DatePart::Millisecond), [])
    }

    /// The microseconds of the second, 0 to 999,999.
    pub fn microsecond(self) -> Expr {
        self.call(Part(DatePart::Microsecond), [])
    }

    /// The nanoseconds of the second, 0 to 999,999,999.
    pub fn nanosecond(self) -> Expr {
        self.call(Part(DatePart::Nanosecond), [])
    }
}

impl ScalarFunction for Part {
    fn name(&self) -> &str {
        match self.0 {
            DatePart::Year => "year",
            DatePart::Quarter => "quarter",
            DatePart::Month => "month",
            DatePart::Week => "week",
            DatePart::IsoYear => "iso_year",
            DatePart::Day => "day",
            DatePart::Weekday => "weekday",
            DatePart::IsoWeekday => "iso_weekday",
            DatePart::DayOfYear => "day_of_year",
            DatePart::Hour => "hour",
            DatePart::Minute => "minute",
            DatePart::Second => "second",
            DatePart::Millisecond => "millisecond",
            DatePart::Microsecond => "microsecond",
            DatePart::Nanosecond => "nanosecond",
        }
    }

    fn signature(&self) -> Signature {
        Signature::each([Argument::DateOrTime], 1)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        let takes = if self.0.of_time() {
            Takes::Any
        } else {
            Takes::Dates
        };
        taken(self, args, takes).map(|_| DataType::Int32)
    }

    fn properties(&self) -> FunctionProperties {
        let properties = FunctionProperties::default().with_cost(2.0);
        match self.0 {
            DatePart::Year | DatePart::IsoYear => {
                properties.with_monotonic(vec![Some(Monotonicity::Increasing)])
            }
            DatePart::Quarter
            | DatePart::Month
            | DatePart::Week
            | DatePart::Day
            | DatePart::Weekday
            | DatePart::IsoWeekday
            | DatePart::DayOfYear
            | DatePart::Hour
            | DatePart::Minute
            | DatePart::Second
            | DatePart::Millisecond
            | DatePart::Microsecond
            | DatePart::Nanosecond => properties,
        }
    }

    fn evaluate(&self, args: &[Column], call: &mut Call<'_>) -> Result<Column> {
        match args {
            [moment] => temporal::part(self.0, moment, call.selection, call.buffers),
            _ => Err(astray(self, args.len())),
        }
    }
}
