//! The keys of a join's build side.

use std::sync::Arc;

use esker_datatypes::{DataType, Result, Schema};
use esker_kernels::hash_table::JoinKeys;
use esker_logical_expr::Expr;

use crate::expression::Program;

/// How the keys of build rows are made of what is kept of them.
pub(super) struct BuildKeys {
    pub(super) keys: Arc<JoinKeys>,
    /// Positions in the input of what is kept for the keys alone.
    pub(super) extra: Vec<usize>,
    /// Keys that are more than a column, kept behind those.
    pub(super) computed: Option<Arc<Program>>,
    /// Where each key stands in what is kept.
    pub(super) at: Vec<usize>,
}

impl BuildKeys {
    /// Keys over the columns of the build side, of which the payload is kept anyway.
    pub(super) fn new(
        keys: JoinKeys,
        exprs: &[&Expr],
        schema: &Schema,
        payload: &[(usize, DataType)],
    ) -> Result<Self> {
        let column = |expr: &Expr| expr.as_column().and_then(|id| schema.index_of(id));
        let mut kept: Vec<usize> = payload.iter().map(|(at, _)| *at).collect();
        for at in exprs.iter().filter_map(|expr| column(expr)) {
            if !kept.contains(&at) {
                kept.push(at);
            }
        }
        let mut computed = Vec::new();
        let at = exprs.iter().map(|expr| {
            let known = column(expr).and_then(|at| kept.iter().position(|&other| other == at));
            known.unwrap_or_else(|| {
                computed.push(*expr);
                kept.len() + computed.len() - 1
            })
        });
        let at = at.collect();
        let computed = (!computed.is_empty()).then(|| Program::compile(&computed, schema));
        Ok(Self {
            keys: Arc::new(keys),
            extra: kept.split_off(payload.len()),
            computed: computed.transpose()?,
            at,
        })
    }
}
