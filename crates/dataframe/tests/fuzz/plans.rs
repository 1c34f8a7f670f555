//! Random plans over random tables, grown a step at a time: each step is taken only when its rows
//! are known and there is one right answer.

/// Distinct and aggregations.
mod groups;
/// Unions and joins.
mod pairs;

use std::rc::Rc;

use crate::exprs::Exprs;
use crate::oracle::{
    Column, Expr, Plan, Random, Relation, SortKey, Stop, Table, Type, apply, random_column,
};

/// Tables and a plan over them.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) tables: Vec<Table>,
    pub(crate) plan: Rc<Plan>,
}

/// How many rows a step may give, and how many pairs of rows a join may look at.
const MAX_ROWS: usize = 600;
const MAX_PAIRS: usize = 12_000;

/// The case number `index` of a seed, and its rows.
pub(crate) fn random_case(seed: u64, index: u64) -> (Case, Result<Relation, Stop>) {
    let mut random = Random::new(seed, index);
    let tables = random_tables(&mut random);
    let scans = tables.iter().enumerate();
    let scans = scans.map(|(at, table)| (Rc::new(Plan::Scan(at)), table.to_relation()));
    let mut grower = Grower {
        pool: scans.collect(),
        tables: &tables,
        names: 0,
        random,
    };
    let steps = 2 + grower.random.below(6);
    let (plan, wanted) = grower.grow(steps);
    (Case { tables, plan }, wanted)
}

fn random_tables(random: &mut Random) -> Vec<Table> {
    let types = [
        Type::INT64,
        Type::INT64,
        Type::int(32),
        Type::int(16),
        Type::int(8),
        Type::uint(8),
        Type::uint(16),
        Type::uint(32),
        Type::UINT64,
        Type::Float64,
        Type::Float64,
        Type::Float32,
        Type::Text,
        Type::Text,
        Type::Text,
        Type::Bool,
        Type::Date,
        Type::Instant,
        Type::Decimal(5, 2),
        Type::Decimal(12, 3),
        Type::Decimal(18, 0),
    ];
    let key = *random.pick(&types);
    let count = 1 + random.below(3);
    let table = |at: usize| {
        let rows = match random.below(12) {
            0 => 0,
            1 => 1,
            2..=6 => 2 + random.below(8),
            7..=10 => 10 + random.below(40),
            _ if random.chance(85) => 60 + random.below(240),
            _ => 800 + random.below(1200),
        };
        // The same names in all tables: their columns clash, and match.
        let mut columns = vec![random_column(random, "k", key, rows)];
        for name in ["a", "b", "c", "d"].iter().take(1 + random.below(4)) {
            let data_type = *random.pick(&types);
            columns.push(random_column(random, name, data_type, rows));
        }
        let batch_rows = 1 + random.below(rows.max(1));
        Table::of_columns(&format!("t{at}"), columns, batch_rows)
    };
    (0..count).map(table).collect()
}

/// A plan and its rows.
type Grown = (Rc<Plan>, Relation);

/// A step that was not taken.
struct Missed {
    plan: Rc<Plan>,
    why: Stop,
}

type Attempt = Result<Grown, Missed>;

fn missed(plan: Plan, why: Stop) -> Attempt {
    let plan = Rc::new(plan);
    Err(Missed { plan, why })
}

struct Grower<'a> {
    random: Random,
    tables: &'a [Table],
    pool: Vec<Grown>,
    names: usize,
}

impl Grower<'_> {
    /// A plan of about so many steps.
    fn grow(&mut self, steps: usize) -> (Rc<Plan>, Result<Relation, Stop>) {
        let start = self.random.below(self.pool.len());
        let mut last = self.pool[start].clone();
        for _ in 0..steps {
            for _ in 0..6 {
                match self.step(&last) {
                    // Of no rows there is not much to get wrong.
                    Ok((_, rows)) if rows.rows.is_empty() && self.random.chance(80) => {}
                    Ok(new) => {
                        self.pool.push(new.clone());
                        last = new;
                        break;
                    }
                    Err(Missed {
                        plan,
                        why: Stop::Fails(why),
                    }) if self.random.chance(20) => {
                        return (plan, Err(Stop::Fails(why)));
                    }
                    Err(_) => {}
                }
            }
        }
        (last.0, Ok(last.1))
    }

    /// A step over a plan, sometimes over an earlier one.
    fn step(&mut self, last: &Grown) -> Attempt {
        let input = match self.random.chance(85) {
            true => last.clone(),
            false => self.any(),
        };
        match self.random.below(26) {
            0..=2 => self.filter(&input),
            3 => self.select(&input),
            4 | 5 => self.with_column(&input),
            6 | 7 => self.slice(&input),
            8 => self.union(&input),
            9 => self.sort(&input, None),
            10 => {
                let rows = self.random.below(12) as u64;
                self.sort(&input, Some(rows))
            }
            11 | 12 => self.distinct(&input),
            13..=15 => self.aggregate(&input),
            16..=18 => self.join(&input),
            19..=22 => self.joins(&input),
            23 => self.pairs(&input),
            _ => self.reuse(&input),
        }
    }

    fn any(&mut self) -> Grown {
        let at = self.random.below(self.pool.len());
        self.pool[at].clone()
    }

    /// The rows of a step.
    fn take(&self, plan: Plan, inputs: &[&Relation]) -> Attempt {
        let most = inputs.iter().map(|rows| rows.rows.len()).max().unwrap_or(0);
        match apply(&plan, inputs, self.tables) {
            Ok(rows) if rows.rows.len() <= MAX_ROWS.max(most) && rows.columns.len() <= 12 => {
                Ok((Rc::new(plan), rows))
            }
            Ok(_) => missed(plan, Stop::Invalid("too large".to_owned())),
            Err(stop) => missed(plan, stop),
        }
    }

    fn exprs<'b>(&'b mut self, columns: &'b [Column]) -> Exprs<'b> {
        Exprs {
            random: &mut self.random,
            columns,
        }
    }

    fn fresh_name(&mut self) -> String {
        self.names += 1;
        format!("x{}", self.names)
    }

    fn filter(&mut self, (input, rows): &Grown) -> Attempt {
        let predicate = self.exprs(&rows.columns).condition(2);
        self.take(Plan::Filter(Rc::clone(input), predicate), &[rows])
    }

    fn select(&mut self, (input, rows): &Grown) -> Attempt {
        let mut exprs = Vec::new();
        for column in self.random.some(&rows.columns) {
            let name = match self.random.chance(20) {
                true => self.fresh_name(),
                false => column.name.clone(),
            };
            exprs.push((name, Expr::Col(column.name)));
        }
        for _ in 0..self.random.below(3) {
            let class = self.exprs(&rows.columns).class();
            let expr = self.exprs(&rows.columns).expr(class, 2);
            exprs.push((self.fresh_name(), expr));
        }
        self.take(Plan::Select(Rc::clone(input), exprs), &[rows])
    }

    fn with_column(&mut self, (input, rows): &Grown) -> Attempt {
        let class = self.exprs(&rows.columns).class();
        let expr = self.exprs(&rows.columns).expr(class, 3);
        let name = match (self.random.chance(30), rows.columns.is_empty()) {
            (true, false) => self.random.pick(&rows.columns).name.clone(),
            _ => self.fresh_name(),
        };
        self.take(Plan::WithColumn(Rc::clone(input), name, expr), &[rows])
    }

    fn slice(&mut self, input: &Grown) -> Attempt {
        let offset = match self.random.chance(50) {
            true => 0,
            false => self.random.below(input.1.rows.len() + 2) as u64,
        };
        let rows = self.random.below(input.1.rows.len() + 2) as u64;
        let rows = (offset == 0 || self.random.chance(70)).then_some(rows);
        let slice = Plan::Slice(Rc::clone(&input.0), offset, rows);
        match self.take(slice, &[&input.1]) {
            Err(Missed {
                why: Stop::Ambiguous,
                ..
            }) => {
                let (sorted, all) = self.sorted(input)?;
                self.take(Plan::Slice(sorted, offset, rows), &[&all])
            }
            other => other,
        }
    }

    /// The rows in an order that leaves nothing open.
    fn sorted(&mut self, (input, rows): &Grown) -> Attempt {
        let keys = rows.columns.iter().map(|column| SortKey {
            expr: Expr::col(&column.name),
            descending: self.random.chance(30),
            nulls_first: self.random.chance(30),
        });
        let keys: Vec<SortKey> = keys.collect();
        let sort = Plan::Sort(Rc::clone(input), keys, None);
        match rows.columns.is_empty() {
            true => missed(sort, Stop::Ambiguous),
            false => self.take(sort, &[rows]),
        }
    }

    /// The rows in the order that a hint claims.
    fn sorted_by(&mut self, (input, rows): &Grown, keys: impl Iterator<Item = Expr>) -> Attempt {
        let keys = keys.map(|expr| SortKey {
            expr,
            descending: false,
            nulls_first: false,
        });
        let sort = Plan::Sort(Rc::clone(input), keys.collect(), None);
        self.take(sort, &[rows])
    }

    fn sort(&mut self, (input, rows): &Grown, fetch: Option<u64>) -> Attempt {
        let mut keys = Vec::new();
        for _ in 0..1 + self.random.below(3) {
            let class = self.exprs(&rows.columns).class();
            let depth = usize::from(self.random.chance(20));
            keys.push(SortKey {
                expr: self.exprs(&rows.columns).expr(class, depth),
                descending: self.random.chance(50),
                nulls_first: self.random.chance(30),
            });
        }
        if fetch.is_some() && self.random.chance(60) {
            // By all columns, so that no tie is left.
            let all = rows.columns.iter().filter(|column| !column.approximate);
            keys.extend(all.map(|column| SortKey {
                expr: Expr::col(&column.name),
                descending: self.random.chance(50),
                nulls_first: false,
            }));
        }
        self.take(Plan::Sort(Rc::clone(input), keys, fetch), &[rows])
    }
}
