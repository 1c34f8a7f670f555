//! What a frame means: names, places and types of columns, the order of rows, S16.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, DictionaryArray, Float64Array, Int32Array, Int64Array,
    LargeStringArray, RunArray, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::Int32Type;
use esker_dataframe::ResultStream;
use esker_dataframe::prelude::*;
use esker_functions::coalesce;
use esker_optimizer::Optimizer;

use crate::{batch, collect, context, employees, frame, ints, names, rows, types};

fn abc(ctx: &ExecutionContext) -> DataFrame {
    let text = Arc::new(StringArray::from(vec![Some("x"), None]));
    let columns = [
        ("a", ints([1, 2])),
        ("b", ints([10, 20])),
        ("c", text as ArrayRef),
    ];
    ctx.from_batches([batch(columns)]).unwrap()
}

#[test]
fn with_column_replaces_in_place() {
    let df = abc(&context(1));
    let replaced = df.with_column("b", col("b") + col("a"));
    assert_eq!(names(&replaced), ["a", "b", "c"]);
    assert_eq!(rows(&replaced), ["1,11,x", "2,22,NULL"]);
    let new = df.with_column("d", col("a") * 2);
    assert_eq!(names(&new), ["a", "b", "c", "d"]);
    assert_eq!(rows(&new), ["1,10,x,2", "2,20,NULL,4"]);
    // Another type in the same place.
    let retyped = df.with_column("a", lit("text"));
    assert_eq!(types(&retyped)[0], DataType::Utf8View);
    assert_eq!(rows(&retyped), ["text,10,x", "text,20,NULL"]);
}

#[test]
fn with_columns_all_see_the_input() {
    let df = abc(&context(1));
    let swapped = df.with_columns([
        col("b").alias("a"),
        col("a").alias("b"),
        col("a").alias("d"),
    ]);
    assert_eq!(names(&swapped), ["a", "b", "c", "d"]);
    assert_eq!(rows(&swapped), ["10,1,x,1", "20,2,NULL,2"]);
    let error = df
        .with_columns([col("a").alias("d"), col("b").alias("d")])
        .schema()
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("two new columns are named 'd'"),
        "{error}"
    );
    assert_eq!(rows(&df.with_columns(Vec::<Expr>::new())), rows(&df));
}

#[test]
fn unions_match_by_position() {
    let ctx = context(2);
    let df = abc(&ctx);
    let all = df.union(&df).union(&df.limit(1));
    assert_eq!(names(&all), ["a", "b", "c"]);
    assert_eq!(
        rows(&all),
        ["1,10,x", "2,20,NULL", "1,10,x", "2,20,NULL", "1,10,x"]
    );

    let wide = frame(&ctx, "n", ints([1]));
    let narrow = frame(&ctx, "n", Arc::new(Int32Array::from(vec![2])));
    let float = frame(&ctx, "n", Arc::new(Float64Array::from(vec![0.5])));
    let both = narrow.union(&wide);
    assert_eq!(
        (types(&both), rows(&both)),
        (vec![DataType::Int64], vec!["2".into(), "1".into()])
    );
    let both = wide.union(&float);
    assert_eq!(types(&both), [DataType::Float64]);
    assert_eq!(rows(&both), ["1.0", "0.5"]);

    let check = |left: &DataFrame, right: &DataFrame, want: &str| {
        let text = left.union(right).collect().unwrap_err().to_string();
        assert!(text.starts_with(want), "{text}");
    };
    check(
        &df,
        &df.select(["a", "c", "b"]),
        "union matches columns by position: column 2 is 'b' on the left and 'c' on the right (in",
    );
    check(
        &df,
        &df.select(["a", "b"]),
        "union needs the same columns on both sides: 3 on the left, 2 on the right; 'c' is only \
         on the left (in",
    );
    check(
        &df,
        &df.with_column("b", lit("text")),
        "union: column 'b' is Int64 on the left and Utf8View on the right, which have no common \
         type (in",
    );
}

#[test]
fn dates_and_timestamps_meet_in_a_union() {
    let ctx = context(1);
    let date = frame(&ctx, "t", Arc::new(Date32Array::from(vec![1])));
    let time = frame(
        &ctx,
        "t",
        Arc::new(TimestampMicrosecondArray::from(vec![1_500_000])),
    );
    let both = date.union(&time);
    assert_eq!(
        types(&both),
        [DataType::Timestamp(TimeUnit::Microsecond, None)]
    );
    assert_eq!(
        rows(&both),
        ["1970-01-02T00:00:00", "1970-01-01T00:00:01.500"]
    );
}

#[test]
fn columns_are_renamed_and_dropped() {
    let df = abc(&context(1));
    let renamed = df.rename([("a", "id"), ("c", "a")]);
    assert_eq!(names(&renamed), ["id", "b", "a"]);
    assert_eq!(rows(&renamed.select(["a", "id"])), ["x,1", "NULL,2"]);
    let dropped = df.drop(["b", "a"]);
    assert_eq!(names(&dropped), ["c"]);
    assert_eq!(rows(&dropped), ["x", "NULL"]);
    // Rows stay when all columns go.
    assert_eq!(df.drop(["a", "b", "c"]).count().unwrap(), 2);
    let check = |df: DataFrame, want: &str| {
        let text = df.collect().unwrap_err().to_string();
        assert!(text.starts_with(want), "{text}");
    };
    check(df.rename([("a", "b")]), "two columns are named 'b'");
    check(df.rename([("x", "y")]), "column 'x' not found");
    check(df.drop(["x"]), "column 'x' not found");
}

#[test]
fn aliases_qualify() {
    let df = abc(&context(1)).alias("o");
    assert_eq!(rows(&df.filter(col("o.a").gt(1))), ["2,20,NULL"]);
    assert_eq!(rows(&df.select(["o.b", "a"])), ["10,1", "20,2"]);
    assert_eq!(names(&df.select(["o.b", "a"])), ["b", "a"]);
    assert_eq!(names(&df.drop(["o.a"])), ["b", "c"]);
    assert_eq!(names(&df.rename([("o.a", "id")])), ["id", "b", "c"]);
    // The last alias counts; a scan's name is none.
    assert!(df.alias("p").select(["o.a"]).schema().is_err());
    assert_eq!(rows(&df.alias("p").select(["p.a"]).limit(1)), ["1"]);
    assert!(
        employees(&context(1))
            .select(["employee.id"])
            .schema()
            .is_err()
    );
}

#[test]
fn lists_of_names_and_expressions() {
    let df = abc(&context(1));
    assert_eq!(rows(&df.select(["c", "a"])), ["x,1", "NULL,2"]);
    assert_eq!(rows(&df.select(vec![String::from("a")])), ["1", "2"]);
    let mixed = df.select([col("a"), col("b") + 1, lit(2.5).alias("x"), coalesce(["c"])]);
    assert_eq!(names(&mixed), ["a", "b", "x", "c"]);
    assert_eq!(rows(&mixed), ["1,11,2.5,x", "2,21,2.5,NULL"]);
    assert_eq!(
        names(&df.select([lit(1), coalesce([lit(1i64)])])),
        ["literal", "coalesce"]
    );
    let column = col("a");
    assert_eq!(rows(&df.select([&column])), ["1", "2"]);
}

#[test]
fn no_columns_keep_their_rows() {
    let df = abc(&context(1));
    let none = df.select(Vec::<Expr>::new());
    let table = collect(&none);
    assert_eq!((table.num_rows(), table.num_columns()), (2, 0));
    assert_eq!(table.to_string(), "2 rows, 0 columns");
    assert_eq!(none.filter(lit(true)).limit(1).count().unwrap(), 1);
    assert_eq!(none.union(&none).count().unwrap(), 4);
    assert_eq!(none.with_column("one", lit(1)).limit(1).count().unwrap(), 1);
    assert_eq!(df.filter(col("a").gt(1)).count().unwrap(), 1);
    assert_eq!(employees(&context(1)).count().unwrap(), 4);
}

#[test]
fn rows_from_the_front() {
    let df = frame(&context(2), "n", ints(0..10));
    let check = |df: DataFrame, want: &[&str]| assert_eq!(rows(&df), want);
    check(df.limit(2), &["0", "1"]);
    check(df.head(2), &["0", "1"]);
    check(df.limit(0), &[]);
    check(df.slice(8, 5), &["8", "9"]);
    check(df.slice(8, None), &["8", "9"]);
    check(df.slice(20, 5), &[]);
    check(df.slice(u64::MAX, u64::MAX), &[]);
    check(df.slice(2, 6).slice(1, 3), &["3", "4", "5"]);
    check(df.limit(5).slice(3, None), &["3", "4"]);
    check(df.limit(3).filter(col("n").gt(0)), &["1", "2"]);
    check(df.filter(col("n").gt(0)).limit(3), &["1", "2", "3"]);
    check(df.slice(4, 2).union(&df.limit(1)).slice(1, 9), &["5", "0"]);
    assert_eq!(df.limit(0).schema().unwrap(), df.schema().unwrap());
    assert_eq!(df.slice(3, None).count().unwrap(), 7);
}

#[test]
fn tables_are_registered() {
    let ctx = context(1);
    let df = abc(&ctx);
    ctx.register("t", &df.filter(col("a").gt(1))).unwrap();
    let clone = ctx.clone();
    assert_eq!(rows(&clone.table("t").unwrap()), ["2,20,NULL"]);
    // The name is no qualifier, and a table can be used twice.
    assert!(ctx.table("t").unwrap().select(["t.a"]).schema().is_err());
    let t = ctx.table("t").unwrap();
    assert_eq!(t.union(&ctx.table("t").unwrap()).count().unwrap(), 2);
    ctx.register("t", &df).unwrap();
    assert_eq!(ctx.table("t").unwrap().count().unwrap(), 2);
    assert_eq!(t.count().unwrap(), 1);
    assert!(ctx.register("u", &df.select(["z"])).is_err());
    let text = ctx.table("u").unwrap_err().to_string();
    assert!(
        text.starts_with("there is no table 'u': registered are t (in table() called"),
        "{text}"
    );
}

#[test]
fn declared_types_pass_through() {
    let ctx = context(1);
    let codes: DictionaryArray<Int32Type> = [Some("x"), None, Some("x")].into_iter().collect();
    let ends = Int32Array::from(vec![2, 3]);
    let runs = RunArray::<Int32Type>::try_new(&ends, &Int64Array::from(vec![7, 8])).unwrap();
    let large = LargeStringArray::from(vec!["p", "q", "r"]);
    let columns: [(&str, ArrayRef); 3] = [
        ("code", Arc::new(codes)),
        ("run", Arc::new(runs)),
        ("large", Arc::new(large)),
    ];
    let types_of: Vec<DataType> = columns.iter().map(|(_, a)| a.data_type().clone()).collect();
    let df = ctx.from_batches([batch(columns)]).unwrap();
    assert_eq!(types(&df), types_of);
    assert_eq!(rows(&df), ["x,7,p", "NULL,7,q", "x,8,r"]);
    let some = df
        .filter(col("run").gt(7).or(col("code").is_null()))
        .limit(2)
        .alias("t");
    assert_eq!(types(&some), types_of);
    assert_eq!(rows(&some), ["NULL,7,q", "x,8,r"]);
    assert_eq!(types(&df.union(&df)), types_of);
    assert_eq!(rows(&df.union(&df).slice(4, None)), ["NULL,7,q", "x,8,r"]);
    // What was computed is plain.
    let computed = df.select([col("run") + 1, coalesce([col("code"), col("large")])]);
    assert_eq!(types(&computed)[0], DataType::Int64);
    assert_eq!(rows(&computed), ["8,x", "8,q", "9,x"]);
    assert_eq!(
        rows(&df.filter(col("code").eq("x")).select(["large"])),
        ["p", "r"]
    );
}

#[test]
fn strings_of_any_type_compare() {
    let ctx = context(1);
    let texts = ["b", "a", "c"];
    let columns = batch([
        (
            "small",
            Arc::new(StringArray::from(texts.to_vec())) as ArrayRef,
        ),
        (
            "large",
            Arc::new(LargeStringArray::from(vec!["b", "b", "b"])),
        ),
    ]);
    let df = ctx.from_batches([columns]).unwrap();
    assert_eq!(rows(&df.filter(col("small").eq(col("large")))), ["b,b"]);
    assert_eq!(rows(&df.filter(col("small").gt(col("large")))), ["c,b"]);
    assert_eq!(
        rows(&df.filter(col("small").is_in(["a", "c"]))),
        ["a,b", "c,b"]
    );
}

#[test]
fn handles_are_cheap_and_go_anywhere() {
    fn shared<T: Send + Sync>() {}
    fn copied<T: Clone>() {}
    shared::<DataFrame>();
    shared::<ExecutionContext>();
    shared::<Table>();
    shared::<Query>();
    shared::<ResultStream>();
    shared::<Error>();
    shared::<Expr>();
    copied::<DataFrame>();
    copied::<ExecutionContext>();
    copied::<Table>();
    copied::<Error>();
    copied::<Expr>();

    // An inherent constant goes before that of a trait, so this one shows where there is no Clone.
    struct Probe<T>(std::marker::PhantomData<T>);
    trait Otherwise {
        const IS_CLONE: bool = false;
    }
    impl<T> Otherwise for Probe<T> {}
    impl<T: Clone> Probe<T> {
        const IS_CLONE: bool = true;
    }
    const { assert!(Probe::<Table>::IS_CLONE) };
    const { assert!(!Probe::<Query>::IS_CLONE) };
    const { assert!(!Probe::<ResultStream>::IS_CLONE) };
}

#[test]
fn the_prelude_is_small() {
    let text = include_str!("../../src/prelude.rs");
    let code: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().starts_with("//"))
        .collect();
    let code = code.join(" ");
    let uses: Vec<&str> = code
        .split(';')
        .filter_map(|item| item.trim().strip_prefix("pub use "))
        .collect();
    let count = |path: &&str| match path.split_once('{') {
        Some((_, list)) => list
            .trim_end_matches('}')
            .split(',')
            .filter(|n| !n.trim().is_empty())
            .count(),
        None => 1,
    };
    let names: usize = uses.iter().map(count).sum();
    assert!(names >= 10, "{names}: {uses:?}");
    assert!(names < 60, "{names} names");
    assert!(!code.contains('*'), "{code}");
}

/// Values of many types, with nulls and the odd ones, in several batches.
fn odd(ctx: &ExecutionContext) -> DataFrame {
    let part = |range: std::ops::Range<i64>| {
        let float = |i: i64| match i % 6 {
            0 => None,
            1 => Some(f64::NAN),
            2 => Some(-0.0),
            3 => Some(f64::INFINITY),
            _ => Some(i as f64 / 2.0),
        };
        let text = |i: i64| match i % 5 {
            0 => None,
            1 => Some(String::new()),
            k => Some("é".repeat(k as usize) + "long enough for a buffer"),
        };
        batch([
            (
                "i",
                Arc::new(
                    range
                        .clone()
                        .map(|i| (i % 4 != 3).then_some(i))
                        .collect::<Int64Array>(),
                ) as _,
            ),
            (
                "k",
                Arc::new(
                    range
                        .clone()
                        .map(|i| Some((i % 3) as i32))
                        .collect::<Int32Array>(),
                ) as _,
            ),
            (
                "f",
                Arc::new(range.clone().map(float).collect::<Float64Array>()) as _,
            ),
            ("s", Arc::new(range.map(text).collect::<StringArray>()) as _),
        ])
    };
    ctx.from_batches([part(0..13), part(13..14), part(14..14), part(14..40)])
        .unwrap()
}

#[test]
fn no_setting_changes_a_result() {
    type Build = fn(&ExecutionContext) -> DataFrame;
    let queries: [(&str, Build); 12] = [
        ("filters", |ctx| {
            odd(ctx)
                .filter(col("i").gt(3))
                .filter(col("f").gt(1).or(col("s").is_null()))
        }),
        ("kleene", |ctx| {
            odd(ctx).filter(!(col("i").gt(3) & col("f").lt(9)))
        }),
        ("computed", |ctx| {
            let df = odd(ctx).with_column("j", col("i") * 2 + col("k"));
            df.with_column("j", col("j") - 1)
                .filter(col("j").gt(10))
                .select(["j", "s", "k"])
        }),
        ("unused columns", |ctx| {
            odd(ctx)
                .with_column("j", col("i") / col("k"))
                .drop(["f", "j"])
                .rename([("k", "key")])
        }),
        ("limits", |ctx| {
            odd(ctx)
                .limit(30)
                .filter(col("k").eq(1))
                .slice(2, 6)
                .limit(5)
        }),
        ("limit over filter", |ctx| {
            odd(ctx).filter(col("s").eq("")).limit(3)
        }),
        ("union", |ctx| {
            let df = odd(ctx).select(["i", "s"]);
            let other = odd(ctx).select([col("k").alias("i"), lit("k").alias("s")]);
            df.union(&other).filter(col("i").lt(12)).slice(3, 30)
        }),
        ("case", |ctx| {
            let sign = when(col("f").gt(5))
                .then(1)
                .when(col("f").is_nan())
                .then(2)
                .otherwise(col("i"));
            odd(ctx)
                .select([sign.alias("sign"), col("f")])
                .filter(col("sign").neq(2))
        }),
        ("in", |ctx| {
            odd(ctx).filter(
                col("k")
                    .is_in([0, 2])
                    .and(col("i").not_in([Some(4i64), Some(6), None]).is_null()),
            )
        }),
        ("constants", |ctx| {
            let df = odd(ctx).filter(lit(1).lt(2).and(col("i").between(5, lit(2) * 15)));
            df.filter(lit(true)).with_column("c", lit(2) + 3)
        }),
        ("nothing", |ctx| {
            odd(ctx)
                .filter(lit(false))
                .union(&odd(ctx).filter(col("i").gt(1000)))
        }),
        ("casts", |ctx| {
            let df = odd(ctx).select([
                col("i").cast(DataType::Utf8View).alias("t"),
                col("f").try_cast(DataType::Int8),
            ]);
            df.filter(col("t").neq("10").and(col("f").is_not_null()))
        }),
    ];
    let mut settings: Vec<(String, ExecutionContext)> = Vec::new();
    let mut add = |name: &str, builder: esker_dataframe::ExecutionContextBuilder| {
        settings.push((name.to_owned(), builder.build().unwrap()));
    };
    let builder = || ExecutionContext::builder().threads(2);
    add("plain", builder().threads(1));
    add("no optimizer", builder().optimizer(false));
    for rule in Optimizer::new().rule_names() {
        add(rule, builder().without_rule(rule));
    }
    add("dictionaries", builder().dictionary_strings(true));
    add(
        "dictionaries, no optimizer",
        builder().dictionary_strings(true).optimizer(false),
    );
    add("batches of one", builder().batch_size(1).threads(4));
    add(
        "batches of three",
        builder().batch_size(3).dictionary_strings(true),
    );
    for (name, query) in queries {
        let mut want: Option<Vec<String>> = None;
        for (setting, ctx) in &settings {
            let got = rows(&query(ctx));
            let want = want.get_or_insert_with(|| got.clone());
            assert_eq!(&got, want, "{name} with {setting}");
        }
        assert_eq!(want.unwrap().is_empty(), name == "nothing", "{name}");
    }
}

#[test]
fn a_table_is_one_batch_when_wanted() {
    let ctx = ExecutionContext::builder().batch_size(7).build().unwrap();
    let table = collect(&odd(&ctx));
    assert!(table.batches().len() > 1);
    let one = table.to_batch().unwrap();
    assert_eq!((one.num_rows(), one.num_columns()), (40, 4));
    assert_eq!(one.column(1).as_primitive::<Int32Type>().value(39), 0);
    let of_batches: usize = table
        .clone()
        .into_iter()
        .map(|batch| batch.num_rows())
        .sum();
    assert_eq!(of_batches, 40);
    let empty = collect(&odd(&ctx).limit(0));
    assert_eq!(empty.to_batch().unwrap().num_rows(), 0);
}
