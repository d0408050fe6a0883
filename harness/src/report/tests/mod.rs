//! What reports look like, from traces made by hand.

mod arbitrary;
mod compared;
mod effects;
mod failures;
mod made;
mod outcomes;
mod reasons;
mod traces;

/// Compares texts of several lines so that a difference can be read. `wanted` begins with a line break.
#[track_caller]
fn assert_reads(text: &str, wanted: &str) {
    let wanted = wanted.strip_prefix('\n').unwrap_or(wanted);
    assert!(text == wanted, "\n=== this was wanted:\n{wanted}=== this came:\n{text}===");
}
