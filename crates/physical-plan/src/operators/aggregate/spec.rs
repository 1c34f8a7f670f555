//! What an aggregation is asked for.

use std::ops::Range;
use std::sync::Arc;

use esker_datatypes::{DataType, Error, Result, SchemaRef};
use esker_logical_expr::Expr;
use esker_logical_expr::function::{AggregateFunction, GroupsAccumulator};

use crate::expression::Program;

/// How groups are formed and what is kept of each, for aggregations and distinct alike.
#[derive(Debug)]
pub(crate) struct Grouping {
    /// The operator's name.
    pub(super) name: &'static str,
    /// Computes the keys, then what the aggregates are given and what is kept of first rows.
    pub(super) program: Arc<Program>,
    /// The declared types of the keys.
    pub(super) keys: Vec<DataType>,
    /// The aggregates.
    pub(super) calls: Vec<Call>,
    /// The columns of the program that are kept of each group's first row.
    pub(super) kept: Range<usize>,
    /// For each column of the output its number among keys, results of aggregates, and columns kept
    /// of first rows.
    pub(super) output: Vec<usize>,
    /// The columns of the output.
    pub(super) schema: SchemaRef,
    pub(super) options: GroupingOptions,
}

/// How groups are formed, beyond keys and aggregates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupingOptions {
    /// There is a group even when there is no row.
    pub(crate) global: bool,
    /// Groups come in the order of their first rows.
    pub(crate) maintain_order: bool,
    /// A verification setting: all keys have the same hash.
    pub(crate) constant_hash: bool,
    /// How many rows a batch of the output has at most.
    pub(crate) batch_size: usize,
    /// So many groups are merged by one thread before it pays to cut them into parts.
    pub(crate) few: usize,
    /// A table of so many groups, of which nearly every row was a new one, is set aside: the next
    /// rows find a small table faster, and would hardly meet their groups in a large one.
    pub(crate) aside: usize,
}

impl GroupingOptions {
    /// Groups in any order, in batches of so many rows.
    pub(crate) fn new(batch_size: usize) -> Self {
        Self {
            global: false,
            maintain_order: false,
            constant_hash: false,
            batch_size,
            few: 1 << 12,
            aside: 1 << 18,
        }
    }
}

/// A call of an aggregate function.
#[derive(Debug)]
pub(super) struct Call {
    /// For error messages.
    pub(super) expr: Expr,
    function: Arc<dyn AggregateFunction>,
    /// Its arguments among the columns of the program.
    pub(super) args: Range<usize>,
    types: Vec<DataType>,
    result: DataType,
    /// Whether it is told the positions of rows.
    pub(super) ordered: bool,
}

impl Grouping {
    /// The groups of an aggregation: the program computes the keys and then the arguments of the
    /// calls, one call after the other.
    ///
    /// # Errors
    /// `Internal` when these do not fit together.
    pub(crate) fn aggregate(
        program: Arc<Program>,
        keys: usize,
        calls: &[Expr],
        schema: SchemaRef,
        options: GroupingOptions,
    ) -> Result<Self> {
        let mut at = keys;
        let calls = calls.iter().map(|expr| {
            let Expr::Aggregate(call) = expr.unaliased() else {
                return Err(Error::internal("this is no aggregate").in_expr(expr));
            };
            let args = at..at + call.args.len();
            at = args.end;
            let types = types_of(&program, args.clone())?;
            Ok(Call {
                expr: expr.unaliased().clone(),
                ordered: call.function.properties().order_sensitive,
                function: Arc::clone(&call.function),
                result: call.function.return_type(&types)?,
                types,
                args,
            })
        });
        let calls = calls.collect::<Result<Vec<_>>>()?;
        Ok(Self {
            name: "HashAggregateExec",
            keys: types_of(&program, 0..keys)?,
            kept: at..at,
            output: (0..keys + calls.len()).collect(),
            program,
            calls,
            schema,
            options,
        })
    }

    /// The first row of each group: the program computes the keys, and then the columns to keep.
    /// `output` says for each column of the output which of the program's it is.
    ///
    /// # Errors
    /// `Internal` when these do not fit together.
    pub(crate) fn first_rows(
        program: Arc<Program>,
        keys: usize,
        output: Vec<usize>,
        schema: SchemaRef,
        options: GroupingOptions,
    ) -> Result<Self> {
        Ok(Self {
            name: "DistinctExec",
            keys: types_of(&program, 0..keys)?,
            calls: Vec::new(),
            kept: keys..program.types().len(),
            program,
            output,
            schema,
            options,
        })
    }

    /// The declared types of the keys and the types of the results.
    pub(super) fn output_types(&self) -> impl Iterator<Item = &DataType> {
        self.keys
            .iter()
            .chain(self.calls.iter().map(|call| &call.result))
    }

    /// Whether each group has the position of its first row.
    pub(super) fn keeps_firsts(&self) -> bool {
        self.options.maintain_order || !self.kept.is_empty()
    }

    /// Whether positions of rows are needed at all.
    pub(super) fn needs_positions(&self) -> bool {
        self.keeps_firsts() || self.calls.iter().any(|call| call.ordered)
    }
}

impl Call {
    /// The types of what it is given, positions included.
    pub(super) fn given(&self) -> impl Iterator<Item = &DataType> {
        let positions = self.ordered.then_some(&DataType::UInt64);
        self.types.iter().chain(positions)
    }

    /// The empty states of all groups.
    pub(super) fn accumulator(&self) -> Result<Box<dyn GroupsAccumulator>> {
        let accumulator = self.function.accumulator(&self.types);
        accumulator.map_err(|error| error.in_expr(&self.expr))
    }
}

fn types_of(program: &Program, columns: Range<usize>) -> Result<Vec<DataType>> {
    let types = program.types().get(columns.clone()).map(<[_]>::to_vec);
    types.ok_or_else(|| Error::internal(format!("columns {columns:?} of {program}")))
}
