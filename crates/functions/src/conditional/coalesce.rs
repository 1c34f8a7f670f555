//! `coalesce(a, b, ..)`: the first value that is not null.

use esker_datatypes::{Column, DataType, Error, Result};
use esker_kernels::select::merge;
use esker_logical_expr::function::{Call, FunctionProperties, ScalarFunction, Signature};

/// See [`coalesce`](super::coalesce()).
#[derive(Debug)]
pub(crate) struct Coalesce;

impl ScalarFunction for Coalesce {
    fn name(&self) -> &str {
        "coalesce"
    }

    fn signature(&self) -> Signature {
        Signature::common(1..=usize::MAX)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        args.first()
            .cloned()
            .ok_or_else(|| Error::internal("coalesce() without an argument"))
    }

    fn properties(&self) -> FunctionProperties {
        FunctionProperties::default().not_strict().with_cost(2.0)
    }

    fn evaluate(&self, args: &[Column], call: &mut Call<'_>) -> Result<Column> {
        let mut rest = call.selection.clone();
        let mut branches = Vec::with_capacity(args.len());
        for arg in args {
            let mut here = rest.clone();
            match arg.nulls() {
                None => {
                    branches.push((here, arg.clone()));
                    break;
                }
                Some(nulls) => {
                    here.retain(|row| nulls.is_valid(row));
                    rest.retain(|row| nulls.is_null(row));
                    branches.push((here, arg.clone()));
                }
            }
            if rest.is_none() {
                break;
            }
        }
        merge(&branches, call.rows, call.return_type, call.buffers)
    }
}
