//! One conjunct of a filter, ready to be pushed into a scan.

use std::collections::HashMap;
use std::sync::Arc;

use esker_datatypes::{Batch, Buffers, ColumnId, Result, Schema, Selection};
use esker_logical_expr::Expr;
use esker_logical_plan::{ColumnStats, Origin, PredicateProperties, RowPredicate, Verdict, prune};

use super::program::{Program, ProgramState};

/// A compiled conjunct: runs on batches, and prunes by statistics with the expression it was made
/// of.
#[derive(Debug)]
pub struct CompiledPredicate {
    expr: Expr,
    program: Arc<Program>,
    /// Where the columns of the expression stand in the scan.
    positions: HashMap<ColumnId, usize>,
    properties: PredicateProperties,
    origin: Option<Origin>,
}

impl CompiledPredicate {
    /// Compiles a resolved, coerced predicate over the columns that a scan reads, in the order of
    /// `ScanRequest::columns`. Errors of its evaluation show the call that asked for it.
    ///
    /// # Errors
    /// Those of [`Program::compile`].
    pub fn new(expr: &Expr, input: &Schema, origin: Option<Origin>) -> Result<Arc<Self>> {
        let program = Program::compile(&[expr], input)?;
        let positions = program
            .inputs()
            .iter()
            .filter_map(|&at| input.field(at).map(|field| (field.id(), at)))
            .collect();
        let mut properties = PredicateProperties::default();
        properties.fallible = program.is_fallible();
        properties.cost = program.cost();
        Ok(Arc::new(Self {
            expr: expr.clone(),
            program,
            positions,
            properties,
            origin,
        }))
    }

    /// The expression it was made of.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }
}

impl RowPredicate for CompiledPredicate {
    fn columns(&self) -> &[usize] {
        self.program.inputs()
    }

    fn properties(&self) -> PredicateProperties {
        self.properties
    }

    fn prune(&self, stats: &dyn ColumnStats) -> Verdict {
        prune(&self.expr, &|id| self.positions.get(&id).copied(), stats)
    }

    fn select(
        &self,
        batch: &Batch,
        selection: &mut Selection,
        buffers: &mut Buffers,
    ) -> Result<()> {
        // A few empty registers: cheaper to make than to share among workers.
        let mut state = ProgramState::default();
        let selected = self.program.select(batch, selection, &mut state, buffers);
        selected.map_err(|error| match self.origin {
            Some(origin) => origin.annotate(error),
            None => error,
        })
    }
}
