//! Functions of text: their types, their plan text, and rows in every encoding against `std`.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, DictionaryArray, Int64Array, LargeStringArray, NullArray, StringArray,
    StringViewArray,
};
use arrow::datatypes::{DataType, Int32Type};
use esker_datatypes::{ScalarValue, Schema};
use esker_logical_expr::{Expr, coerce, col, evaluate_constant, lit};

use super::{StrNamespace, StringExpr};
use crate::testing::{check, typed};

const TEXTS: [Option<&str>; 9] = [
    Some("a text that is longer than twelve bytes"),
    None,
    Some(""),
    Some("special packages among the final requests"),
    Some("ünïcode ist 漢字 und 😀 genug"),
    Some("  padded\t"),
    Some("requests"),
    Some("requests, then special ones"),
    Some("Aa"),
];

fn columns() -> [ArrayRef; 4] {
    let dictionary: DictionaryArray<Int32Type> = TEXTS.into_iter().collect();
    [
        Arc::new(StringArray::from(TEXTS.to_vec())),
        Arc::new(LargeStringArray::from(TEXTS.to_vec())),
        Arc::new(StringViewArray::from(TEXTS.to_vec())),
        Arc::new(dictionary),
    ]
}

/// A function of one text over every layout.
fn check_text<T: Into<ScalarValue>>(
    call: impl Fn(StrNamespace) -> Expr,
    oracle: impl Fn(Option<&str>) -> T,
) {
    for column in columns() {
        check(call(col("a").str()), &[column], |row| {
            Some(oracle(row[0].as_str()).into())
        });
    }
}

#[test]
fn types() {
    use DataType as T;
    let check = |call: Expr, types: &[T], want: &str| match typed(call, types) {
        Ok(got) => assert_eq!(got, want),
        Err(error) => assert!(error.to_string().contains(want), "{error}"),
    };
    let a = || col("a").str();
    check(a().upper(), &[T::Utf8], "upper(#a): Utf8View");
    check(a().len_chars(), &[T::LargeUtf8], "len_chars(#a): Int64");
    let coded = T::Dictionary(Box::new(T::Int8), Box::new(T::Utf8));
    check(a().strip(), &[coded], "strip(CAST(#a AS Utf8)): Utf8View");
    check(
        a().slice(0, 2),
        &[T::Utf8View],
        "slice(#a, Int64(0), Int64(2)): Utf8View",
    );
    check(
        a().slice_from(col("b")),
        &[T::Utf8, T::Int8],
        "slice(#a, CAST(#b AS Int64)): Utf8View",
    );
    check(a().like("%x_"), &[T::Utf8], "like(#a, '%x_'): Boolean");
    check(a().not_like("%"), &[T::Utf8], "NOT like(#a, '%'): Boolean");
    check(
        a().like_escape("x!%", '!'),
        &[T::Utf8],
        "like(#a, 'x!%', escape='!'): Boolean",
    );
    check(
        a().like_escape("x'%", '\''),
        &[T::Utf8],
        "like(#a, 'x''%', escape=''''): Boolean",
    );
    check(
        a().contains(None::<&str>),
        &[T::Utf8],
        "contains(#a, Utf8View(NULL)): Boolean?",
    );
    check(
        a().lower(),
        &[T::Null],
        "lower(CAST(#a AS Utf8View)): Utf8View?",
    );
    check(a().upper(), &[T::Int32], "upper() takes text, not (Int32)");
    check(
        a().starts_with(1),
        &[T::Utf8],
        "starts_with() takes text, not (Utf8, Int32)",
    );
    check(
        a().slice(0, 1.5),
        &[T::Utf8],
        "slice() takes (text, Int64, Int64), not (Utf8, Int32, Float64)",
    );
    check(
        a().replace("a", col("b")),
        &[T::Utf8, T::Binary],
        "replace() takes text",
    );
}

#[test]
fn tests_of_text() {
    check_text(
        |s| s.contains("e"),
        |text| text.map(|text| text.contains('e')),
    );
    check_text(|s| s.contains(""), |text| text.map(|_| true));
    check_text(
        |s| s.contains("漢字"),
        |text| text.map(|text| text.contains("漢字")),
    );
    check_text(
        |s| s.starts_with("requests"),
        |text| text.map(|text| text.starts_with("requests")),
    );
    check_text(
        |s| s.ends_with("s"),
        |text| text.map(|text| text.ends_with('s')),
    );
    let both = |text: &str| {
        text.find("special")
            .is_some_and(|at| text[at + 7..].contains("requests"))
    };
    check_text(|s| s.like("%special%requests%"), move |text| text.map(both));
    check_text(
        |s| s.not_like("%special%requests%"),
        move |text| text.map(|text| !both(text)),
    );
    check_text(
        |s| s.like("__"),
        |text| text.map(|text| text.chars().count() == 2),
    );
    check_text(
        |s| s.like("%😀______"),
        |text| text.map(|text| text.ends_with("😀 genug")),
    );
    check_text(|s| s.like("%😀_____"), |text| text.map(|_| false));
    // A pattern of its own for each row.
    let texts = columns();
    check(
        col("a").str().starts_with(col("b")),
        &[Arc::clone(&texts[0]), Arc::clone(&texts[2])],
        |row| {
            let (text, start) = (row[0].as_str(), row[1].as_str());
            Some(ScalarValue::from(
                text.zip(start).map(|(text, start)| text.starts_with(start)),
            ))
        },
    );
}

#[test]
fn text_to_text() {
    let some = |text: Option<&str>, to: fn(&str) -> String| ScalarValue::from(text.map(to));
    check_text(StrNamespace::upper, |text| some(text, str::to_uppercase));
    check_text(StrNamespace::lower, |text| some(text, str::to_lowercase));
    check_text(StrNamespace::strip, |text| {
        some(text, |text| text.trim().to_owned())
    });
    check_text(StrNamespace::strip_end, |text| {
        some(text, |text| text.trim_end().to_owned())
    });
    check_text(StrNamespace::strip_start, |text| {
        some(text, |text| text.trim_start().to_owned())
    });
    check_text(
        |s| s.replace("e", "é"),
        |text| some(text, |text| text.replace('e', "é")),
    );
    check_text(
        |s| s.slice(1, 4),
        |text| some(text, |text| text.chars().skip(1).take(3).collect()),
    );
    check_text(
        |s| s.slice(-20, -2),
        |text| {
            some(text, |text| {
                let count = text.chars().count();
                let (start, end) = (count.saturating_sub(20), count.saturating_sub(2));
                text.chars().take(end).skip(start).collect()
            })
        },
    );
    let ends: ArrayRef = Arc::new(Int64Array::from(
        (0..9)
            .map(|end| (end != 4).then_some(end))
            .collect::<Vec<_>>(),
    ));
    check(
        col("a").str().slice(0, col("b")),
        &[Arc::clone(&columns()[2]), ends],
        |row| {
            let end = row[1].as_i128();
            let part = row[0].as_str().zip(end);
            let part = part.map(|(text, end)| text.chars().take(end as usize).collect::<String>());
            Some(ScalarValue::from(part))
        },
    );
}

#[test]
fn lengths() {
    check_text(StrNamespace::len_chars, |text| {
        text.map(|text| text.chars().count() as i64)
    });
    check_text(StrNamespace::len_bytes, |text| {
        text.map(|text| text.len() as i64)
    });
}

#[test]
fn constants_are_folded() {
    let check = |call: Expr, want: &str| {
        let call = coerce(call, &Schema::default()).unwrap().data;
        let got = match evaluate_constant(&call) {
            Ok(value) => value.to_string(),
            Err(error) => error.to_string(),
        };
        assert!(got.contains(want), "{call}: {got}");
    };
    check(lit("o'neil").str().title(), "'O''Neil'");
    check(lit("25-989").str().slice(0, 2), "'25'");
    check(lit("100%").str().like_escape("100!%", '!'), "TRUE");
    check(
        lit("a").str().like_escape("100!", '!'),
        "the pattern '100!' ends with its escape '!'",
    );
    check(lit(None::<&str>).str().len_chars(), "Int64(NULL)");
    check(lit("a").str().contains(lit(None::<&str>)), "Boolean(NULL)");
    check(
        lit(ScalarValue::null(&DataType::Null)).str().upper(),
        "Utf8View(NULL)",
    );
}

#[test]
fn columns_without_values() {
    let nulls: ArrayRef = Arc::new(NullArray::new(3));
    let null = |_: &[ScalarValue]| Some(ScalarValue::null(&DataType::Utf8View));
    let call = col("a").cast(DataType::Utf8View).str().upper();
    check(call, &[nulls], null);
}
