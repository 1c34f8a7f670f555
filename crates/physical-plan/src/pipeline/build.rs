//! Cuts a physical plan into pipelines.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use esker_datatypes::{Error, Result};
use esker_logical_expr::tree;

use super::chain_run::ChainRun;
use super::concat::ConcatSource;
use super::spec::{ChainSpec, Feed, StageSpec};
use super::traits::{Sink, Source};
use crate::plan::{PhysicalPlan, Role};

/// A chain, the sink it ends in, and the pipelines that must be done before it starts.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Source and operators.
    pub chain: Arc<ChainSpec>,
    /// Where it ends.
    pub sink: Arc<dyn Sink>,
    /// The plan node of the sink, and the call that made it.
    pub sink_spec: StageSpec<()>,
    /// Positions, in the list of pipelines, of those before it.
    pub after: Vec<usize>,
}

/// A chain under construction.
struct Open {
    source: OpenSource,
    operators: Vec<StageSpec<Arc<dyn super::traits::Operator>>>,
    after: Vec<usize>,
    /// How many levels of chains within chains its source has.
    nesting: usize,
}

enum OpenSource {
    Leaf(StageSpec<Arc<dyn Source>>),
    /// Chains one after the other, each with whether all workers wait for each other behind it.
    Concat(StageSpec<()>, Feed, Vec<(ChainSpec, bool)>),
}

impl Open {
    fn new(source: OpenSource, after: Vec<usize>) -> Self {
        Self {
            source,
            operators: Vec::new(),
            after,
            nesting: 0,
        }
    }

    /// The same, `levels` of chains within chains deep.
    fn nested(mut self, levels: usize) -> Result<Self> {
        if levels > MAX_NESTING {
            return Err(Error::unsupported(format!(
                "unions within unions, more than {MAX_NESTING} levels of them with other steps \
                 between: collect one of them into a table first"
            )));
        }
        self.nesting = levels;
        Ok(self)
    }

    fn close(self, batch_size: usize) -> (ChainSpec, Vec<usize>) {
        let run = Arc::new(ChainRun::default());
        let (source, feed) = match self.source {
            OpenSource::Leaf(source) => (source, Feed::Leaf),
            OpenSource::Concat(spec, feed, chains) => {
                let source: Arc<dyn Source> = Arc::new(ConcatSource::new(chains, batch_size, &run));
                (spec.with(source), feed)
            }
        };
        let chain = ChainSpec {
            source,
            operators: self.operators,
            feed,
            run,
        };
        (chain, self.after)
    }
}

/// The pipelines of a plan whose rows end in `sink`: the last one is the root's. Batches within them
/// have about `batch_size` rows.
///
/// # Errors
/// `Unsupported` for unions nested too deep; `Internal` when the plan is not well-formed.
pub fn build_pipelines(
    plan: &PhysicalPlan,
    sink: Arc<dyn Sink>,
    batch_size: usize,
) -> Result<Vec<Pipeline>> {
    let mut builder = Builder {
        batch_size,
        pipelines: Vec::new(),
        shared: HashMap::new(),
    };
    // Rows that are read in several places are measured with the first of them.
    let mut shared = BTreeMap::new();
    for (_, node) in plan.nodes() {
        if let Role::Shared(plan) = node.role() {
            shared.entry(plan.number).or_insert((plan, node.spec()));
        }
    }
    for (number, (plan, spec)) in shared {
        let open = builder.cut(&plan.input)?;
        let done = builder.end(open, &plan.sink, spec);
        builder.shared.insert(number, done);
    }
    let root = builder.cut(plan)?;
    let spec = StageSpec {
        stage: (),
        id: RESULT_ID,
        name: Arc::from("result"),
        origin: None,
    };
    builder.end(root, &sink, spec);
    Ok(builder.pipelines)
}

/// Pipelines under construction.
struct Builder {
    batch_size: usize,
    pipelines: Vec<Pipeline>,
    /// The pipelines, by position, of rows that are read in several places.
    shared: HashMap<usize, usize>,
}

impl Builder {
    /// Ends a chain in a sink; the pipeline's position.
    fn end(&mut self, open: Open, sink: &Arc<dyn Sink>, sink_spec: StageSpec<()>) -> usize {
        let (chain, after) = open.close(self.batch_size);
        self.pipelines.push(Pipeline {
            chain: Arc::new(chain),
            sink: Arc::clone(sink),
            sink_spec,
            after,
        });
        self.pipelines.len() - 1
    }

    /// Cuts a plan into pipelines, but for the last chain, which is open.
    fn cut(&mut self, plan: &PhysicalPlan) -> Result<Open> {
        let batch_size = self.batch_size;
        tree::fold_into(plan, |node: &PhysicalPlan, mut inputs: Vec<Open>| {
            let spec = node.spec();
            let mut take = || {
                inputs
                    .pop()
                    .ok_or_else(|| Error::internal(format!("{} has no input", node.name())))
            };
            match node.role() {
                Role::Source(source) => {
                    let source = spec.with(Arc::clone(source));
                    Ok(Open::new(OpenSource::Leaf(source), Vec::new()))
                }
                Role::Operator(operator) => {
                    let mut open = take()?;
                    open.operators.push(spec.with(Arc::clone(operator)));
                    Ok(open)
                }
                Role::Breaker(sink) => {
                    let done = self.end(take()?, sink, spec.clone());
                    let source = spec.with(source_of(sink, node)?);
                    Ok(Open::new(OpenSource::Leaf(source), vec![done]))
                }
                Role::Probe { build, probe, rest } => {
                    // Inputs are the probe side, then the build side.
                    let (build_side, mut open) = (take()?, take()?);
                    let built = self.end(build_side, build, spec.clone());
                    open.operators.push(spec.clone().with(Arc::clone(probe)));
                    open.after.push(built);
                    // Scans of the probe side in pipelines of their own wait for their filters, too.
                    let filtered = |pipeline: &Pipeline| {
                        let scan = pipeline.chain.source.id;
                        pipeline.chain.feed == Feed::Leaf && node.filtered().contains(&scan)
                    };
                    for pipeline in self.pipelines.iter_mut().filter(|p| filtered(p)) {
                        pipeline.after.push(built);
                    }
                    let Some(rest) = rest else { return Ok(open) };
                    let nesting = open.nesting + 1;
                    let (chain, after) = open.close(batch_size);
                    let rest = OpenSource::Leaf(spec.clone().with(Arc::clone(rest)));
                    let (rest, _) = Open::new(rest, Vec::new()).close(batch_size);
                    // The unmatched rows are known when every worker has probed.
                    let chains = vec![(chain, true), (rest, false)];
                    Open::new(OpenSource::Concat(spec, Feed::Join, chains), after).nested(nesting)
                }
                Role::Union => {
                    let mut chains = Vec::with_capacity(inputs.len());
                    let mut after = Vec::new();
                    let mut nesting = 1;
                    for open in inputs {
                        after.extend_from_slice(&open.after);
                        let own = usize::from(!open.operators.is_empty());
                        nesting = nesting.max(open.nesting + own);
                        match open.source {
                            // A union of unions is one union.
                            OpenSource::Concat(_, _, inner) if open.operators.is_empty() => {
                                chains.extend(inner);
                            }
                            _ => chains.push((open.close(batch_size).0, false)),
                        }
                    }
                    Open::new(OpenSource::Concat(spec, Feed::Union, chains), after).nested(nesting)
                }
                Role::Shared(plan) => {
                    let done = self.shared.get(&plan.number).copied();
                    let done =
                        done.ok_or_else(|| Error::internal("shared rows are not computed"))?;
                    let source = spec.with(source_of(&plan.sink, node)?);
                    Ok(Open::new(OpenSource::Leaf(source), vec![done]))
                }
            }
        })
    }
}

/// Chains within chains nest at run time: so many levels fit a small stack by far.
const MAX_NESTING: usize = 500;

/// The id under which the root's sink is measured.
const RESULT_ID: u32 = u32::MAX;

fn source_of(sink: &Arc<dyn Sink>, node: &PhysicalPlan) -> Result<Arc<dyn Source>> {
    sink.output_source().ok_or_else(|| {
        Error::internal(format!(
            "{} ends the query in the middle of the plan",
            node.name()
        ))
    })
}
