//! `date(x)`, `time(x)`, `epoch_seconds(x)`.

use esker_datatypes::{Column, DataType, Result, TimeUnit};
use esker_kernels::cast::{CastMode, cast};
use esker_kernels::temporal;
use esker_logical_expr::Expr;
use esker_logical_expr::function::{Argument, Call, FunctionProperties, ScalarFunction, Signature};

use super::{DtNamespace, Takes, astray, taken};

/// See [`DtNamespace::date`], [`DtNamespace::time`], [`DtNamespace::epoch_seconds`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Convert {
    Date,
    Time,
    EpochSeconds,
}

impl DtNamespace {
    /// The date without the time of day, as `Date32`. One that this does not hold is an overflow
    /// error.
    pub fn date(self) -> Expr {
        self.call(Convert::Date, [])
    }

    /// The time of day of a timestamp, in its unit.
    pub fn time(self) -> Expr {
        self.call(Convert::Time, [])
    }

    /// Seconds since 1970-01-01T00:00:00 UTC, as `Float64`.
    pub fn epoch_seconds(self) -> Expr {
        self.call(Convert::EpochSeconds, [])
    }
}

impl ScalarFunction for Convert {
    fn name(&self) -> &str {
        match self {
            Self::Date => "date",
            Self::Time => "time",
            Self::EpochSeconds => "epoch_seconds",
        }
    }

    fn signature(&self) -> Signature {
        Signature::each([Argument::DateOrTime], 1)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        Ok(match self {
            Self::Date => taken(self, args, Takes::Dates).map(|_| DataType::Date32)?,
            Self::Time => match taken(self, args, Takes::Timestamps)? {
                DataType::Timestamp(unit @ (TimeUnit::Second | TimeUnit::Millisecond), _) => {
                    DataType::Time32(unit)
                }
                DataType::Timestamp(unit, _) => DataType::Time64(unit),
                _ => DataType::Time64(TimeUnit::Microsecond),
            },
            Self::EpochSeconds => taken(self, args, Takes::Dates).map(|_| DataType::Float64)?,
        })
    }

    fn properties(&self) -> FunctionProperties {
        let properties = FunctionProperties::default();
        match self {
            Self::Date => properties.fallible(),
            Self::Time | Self::EpochSeconds => properties,
        }
    }

    fn evaluate(&self, args: &[Column], call: &mut Call<'_>) -> Result<Column> {
        let [moment] = args else {
            return Err(astray(self, args.len()));
        };
        let Call {
            selection,
            return_type,
            ..
        } = *call;
        match self {
            Self::Date | Self::Time => cast(
                moment,
                return_type,
                CastMode::Strict,
                selection,
                call.buffers,
            ),
            Self::EpochSeconds => temporal::epoch_seconds(moment, selection, call.buffers),
        }
    }
}
