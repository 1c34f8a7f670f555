//! Intervals: which values an expression can have, from what is known of its columns.

/// Arithmetic on intervals.
mod arith;
/// Conversion of intervals.
mod cast;
/// What cannot fail.
mod fail;
/// The order of values.
mod key;
/// The bounds of each kind of node.
mod node;

use std::cmp::Ordering;

use esker_datatypes::{
    ColumnId, ColumnStatistics, DataType, Field, Precision, ScalarValue, value_type,
};

use crate::expr::Expr;
use crate::tree;
use key::{Key, comparable, integer_scalar, key, type_range};

pub use fail::cannot_fail;

/// A set of values of one type that is known to hold all that an expression can be: an inclusive
/// range, and beside it NaN and null.
///
/// The bounds say nothing of NaN, which is greater than all of them (S8): ask
/// [`may_be_nan`](Self::may_be_nan) before trusting an upper one. -0.0 and 0.0 are the same bound.
/// A truth value is the range between FALSE and TRUE.
///
/// ```
/// use esker_datatypes::{DataType, ScalarValue};
/// use esker_logical_expr::Interval;
/// let age = Interval::between(&DataType::Int32, Some(18.into()), Some(65.into()));
/// assert!(age.contains(&ScalarValue::from(40)) && !age.contains(&ScalarValue::from(17)));
/// assert!(!age.may_be_null());
/// ```
#[derive(Clone, Debug)]
pub struct Interval {
    data_type: DataType,
    lower: Option<ScalarValue>,
    upper: Option<ScalarValue>,
    /// Whether there may be a value at all that is neither null nor NaN.
    value: bool,
    nan: bool,
    null: bool,
}

impl Interval {
    /// All values of a type, NaN and null included.
    pub fn unknown(data_type: &DataType) -> Self {
        let data_type = value_type(data_type);
        let bound = |n| integer_scalar(n, data_type);
        let (lower, upper) = match type_range(data_type) {
            Some((least, most)) => (bound(least), bound(most)),
            None => (None, None),
        };
        Self {
            lower,
            upper,
            value: *data_type != DataType::Null,
            nan: data_type.is_floating(),
            null: true,
            data_type: data_type.clone(),
        }
    }

    /// The values between two bounds, inclusive; an absent one leaves that side open. Neither null
    /// nor NaN are among them.
    pub fn between(
        data_type: &DataType,
        lower: Option<ScalarValue>,
        upper: Option<ScalarValue>,
    ) -> Self {
        let mut all = Self {
            nan: false,
            null: false,
            ..Self::unknown(data_type)
        };
        // A null, NaN or a bound of a foreign type bounds nothing.
        let usable = |bound: &ScalarValue| {
            comparable(bound.data_type(), &all.data_type) && key(bound).is_some()
        };
        let (lower, upper) = (lower.filter(usable), upper.filter(usable));
        if let (Some(lower), Some(upper)) = (&lower, &upper)
            && key(lower).partial_cmp(&key(upper)) == Some(Ordering::Greater)
        {
            all.value = false;
        }
        all.lower = lower.or(all.lower);
        all.upper = upper.or(all.upper);
        all
    }

    /// One value.
    pub fn constant(value: &ScalarValue) -> Self {
        let data_type = value.data_type();
        let nan = value.as_f64().is_some_and(f64::is_nan);
        if value.is_null() || nan {
            let nothing = Self::unknown(data_type);
            return Self {
                value: false,
                nan,
                null: value.is_null(),
                ..nothing
            };
        }
        Self::between(data_type, Some(value.clone()), Some(value.clone()))
    }

    /// The truth values that are possible.
    pub fn truth(may_be_true: bool, may_be_false: bool, may_be_null: bool) -> Self {
        let (lower, upper) = (
            ScalarValue::from(!may_be_false),
            ScalarValue::from(may_be_true),
        );
        Self {
            data_type: DataType::Boolean,
            lower: Some(lower),
            upper: Some(upper),
            value: may_be_true || may_be_false,
            nan: false,
            null: may_be_null,
        }
    }

    /// All that a column of this schema can hold.
    pub fn of_field(field: &Field) -> Self {
        Self::unknown(field.data_type()).with_null(field.nullable())
    }

    /// What a column holds by its statistics.
    pub fn of_statistics(data_type: &DataType, statistics: &ColumnStatistics) -> Self {
        let ColumnStatistics {
            null_count,
            min,
            max,
            may_hold_nan,
            ..
        } = statistics;
        let is_nan = |bound: &Option<ScalarValue>| {
            bound
                .as_ref()
                .and_then(ScalarValue::as_f64)
                .is_some_and(f64::is_nan)
        };
        // A writer that let NaN into a bound cannot be trusted about the others.
        let nan = *may_hold_nan || is_nan(min) || is_nan(max);
        Self::between(data_type, min.clone(), max.clone())
            .with_null(!matches!(null_count, Precision::Exact(0)))
            .with_nan(nan)
    }

    /// The same values, null among them or not.
    #[must_use]
    pub fn with_null(mut self, null: bool) -> Self {
        self.null = null;
        self
    }

    /// The same values, NaN among them (if the type has it) or not.
    #[must_use]
    pub fn with_nan(mut self, nan: bool) -> Self {
        self.nan = nan && self.data_type.is_floating();
        self
    }

    /// What the exact sums of at most so many of these values can be, in a type of the same scale
    /// (of floats: anything); null if there are none. `None` where one may not fit.
    ///
    /// ```
    /// use esker_datatypes::DataType;
    /// use esker_logical_expr::Interval;
    /// let price = Interval::between(&DataType::Int32, Some(1.into()), Some(500.into()));
    /// let sum = price.sum_of(1_000, &DataType::Int64);
    /// assert!(sum.is_some_and(|sum| sum.contains(&500_000.into()) && !sum.contains(&500_001.into())));
    /// assert!(Interval::unknown(&DataType::Int64).sum_of(2, &DataType::Int64).is_none());
    /// ```
    pub fn sum_of(&self, rows: u64, out: &DataType) -> Option<Self> {
        arith::sum_of(self, rows, out)
    }

    /// The type of the values.
    pub fn data_type(&self) -> &DataType {
        &self.data_type
    }

    /// No value is smaller; `None` when that side is open.
    pub fn lower(&self) -> Option<&ScalarValue> {
        self.lower.as_ref()
    }

    /// No value is greater, NaN excepted; `None` when that side is open.
    pub fn upper(&self) -> Option<&ScalarValue> {
        self.upper.as_ref()
    }

    /// Whether a value that is neither null nor NaN is possible.
    pub fn may_be_value(&self) -> bool {
        self.value
    }

    /// Whether null is possible.
    pub fn may_be_null(&self) -> bool {
        self.null
    }

    /// Whether NaN is possible.
    pub fn may_be_nan(&self) -> bool {
        self.nan
    }

    /// Whether TRUE is possible. A filter whose condition cannot be TRUE keeps no row.
    pub fn may_be_true(&self) -> bool {
        self.value && self.upper.as_ref().and_then(ScalarValue::as_bool) != Some(false)
    }

    /// Whether FALSE is possible.
    pub fn may_be_false(&self) -> bool {
        self.value && self.lower.as_ref().and_then(ScalarValue::as_bool) != Some(true)
    }

    /// Whether nothing but TRUE is possible. A filter with such a condition keeps every row.
    pub fn is_true(&self) -> bool {
        self.may_be_true() && !self.may_be_false() && !self.null
    }

    /// Whether a value is among these.
    pub fn contains(&self, value: &ScalarValue) -> bool {
        if value.is_null() {
            return self.null;
        }
        if value.as_f64().is_some_and(f64::is_nan) {
            return self.nan;
        }
        let Some(of_value) = key(value).filter(|_| comparable(value.data_type(), &self.data_type))
        else {
            return self.value;
        };
        let order = |bound: &Option<ScalarValue>| {
            bound
                .as_ref()
                .and_then(key)
                .and_then(|bound| of_value.partial_cmp(&bound))
        };
        self.value
            && order(&self.lower) != Some(Ordering::Less)
            && order(&self.upper) != Some(Ordering::Greater)
    }

    /// What an expression can be of which nothing is known, not even the type.
    pub fn anything() -> Self {
        Self {
            value: true,
            nan: true,
            ..Self::unknown(&DataType::Null)
        }
    }

    /// Whether anything but null is possible.
    fn not_only_null(&self) -> bool {
        self.value || self.nan
    }

    /// Null, if that is among these, and nothing else.
    fn only_null(self) -> Self {
        Self {
            value: false,
            nan: false,
            ..self
        }
    }

    /// The least end, NaN counted in.
    fn low(&self) -> End<'_> {
        if !self.value && self.nan {
            return End::Nan;
        }
        self.lower
            .as_ref()
            .and_then(key)
            .map_or(End::Open, End::Key)
    }

    /// The greatest end, NaN counted in.
    fn high(&self) -> End<'_> {
        if self.nan {
            return End::Nan;
        }
        self.upper
            .as_ref()
            .and_then(key)
            .map_or(End::Open, End::Key)
    }
}

/// The end of an interval in the order of S8, where NaN comes last.
enum End<'a> {
    Open,
    Key(Key<'a>),
    Nan,
}

impl End<'_> {
    /// Whether a lower end is certainly at least an upper one.
    fn at_least(&self, upper: &Self) -> bool {
        match (self, upper) {
            (End::Nan, _) => true,
            (End::Key(low), End::Key(high)) => low >= high,
            (End::Key(_), End::Open | End::Nan) | (End::Open, _) => false,
        }
    }

    /// Whether a lower end is certainly above an upper one.
    fn above(&self, upper: &Self) -> bool {
        match (self, upper) {
            (End::Nan, upper) => !matches!(upper, End::Nan),
            (End::Key(low), End::Key(high)) => low > high,
            (End::Key(_), End::Open | End::Nan) | (End::Open, _) => false,
        }
    }
}

/// What an expression can be, given what its columns can be.
///
/// Sound, not exact: every value that [evaluation](crate::apply) can give is among them, others may
/// be. The expression is one that [`coerce`](crate::coerce) has seen; functions and `CASE` are
/// bounded by their type alone.
///
/// ```
/// use esker_datatypes::{DataType, Field, Schema};
/// use esker_logical_expr::{Interval, bounds, coerce, col, resolve};
/// let schema = Schema::new(vec![Field::new("age", DataType::Int32, false)]);
/// let filter = coerce(resolve(col("age").gt(70), &schema)?, &schema)?.data;
/// let age = Interval::between(&DataType::Int32, Some(18.into()), Some(65.into()));
/// assert!(!bounds(&filter, &|_| age.clone()).may_be_true());
/// # Ok::<(), esker_datatypes::Error>(())
/// ```
pub fn bounds(expr: &Expr, column: &dyn Fn(ColumnId) -> Interval) -> Interval {
    let bounds = tree::fold(expr, |expr, children: &[Interval]| {
        Ok(node::bounds(expr, children, column).interval)
    });
    bounds.unwrap_or_else(|_| Interval::anything())
}

#[cfg(test)]
mod tests;
