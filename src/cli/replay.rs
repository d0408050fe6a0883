//! `redeliver replay HISTORY --strategy STRATEGY`: replays one history, from a line, a file or standard input.

use std::{
    fs::File,
    io::{self, Read},
};

use clap::Args;
use redeliver_harness::{
    History,
    history::{Payload, Published},
};
use redeliver_strategies::{Entry, Options};

use super::{Answer, Complaint, On, remark, strategy_parser, words};

/// A longer text is no history.
const LONGEST: u64 = 1 << 20;

/// What is replayed, and against what.
#[derive(Args)]
pub(super) struct Replay {
    /// A line such as `r1:…`, a file that holds a line or the text of a history, or `-` for standard input
    #[arg(value_name = "HISTORY")]
    history: String,
    /// The strategy or twin; `redeliver list` names them all
    #[arg(long, value_parser = strategy_parser(), hide_possible_values = true)]
    strategy: &'static Entry,
    #[command(flatten)]
    on: On,
}

impl Replay {
    pub(super) fn run(&self) -> Result<Answer, Complaint> {
        let (source, text) = self.text()?;
        let (history, printed_for) =
            History::parse_any(&text).map_err(|error| Complaint(format!("{source}: {error}")))?;
        for (place, message) in history.messages.iter().enumerate() {
            is_an_amount(message).map_err(|found| {
                let at = location(&text, place);
                Complaint(format!(
                    "{source}: {at}: expected an amount such as 100 as m{place}'s payload, found `{found}`"
                ))
            })?;
        }
        // Whoever names a strategy means it: a twin's history is worth replaying against what it is a twin of.
        if let Some(other) = printed_for.filter(|name| name != self.strategy.name) {
            remark(&format!("note: this line was printed for `{other}`"));
        }
        let options = Options { store: self.on.store, ..Options::default() };
        let verdict = redeliver_strategies::replay(self.strategy, &history, &options);
        Ok(words::answer(self.strategy, &verdict))
    }

    /// Where the history comes from, and what stands there.
    fn text(&self) -> Result<(&str, String), Complaint> {
        if self.history == "-" {
            return read("standard input", io::stdin().lock());
        }
        if self.history.trim_start().starts_with("r1:") || self.history.contains('\n') {
            return Ok(("the history", self.history.clone()));
        }
        let file = File::open(&self.history).map_err(|error| {
            Complaint(format!(
                "`{}` is not a line, which begins with `r1:`, and cannot be read as a file: {error}",
                self.history
            ))
        })?;
        read(&self.history, file)
    }
}

fn read(source: &str, from: impl Read) -> Result<(&str, String), Complaint> {
    let mut text = String::new();
    from.take(LONGEST + 1).read_to_string(&mut text).map_err(|error| Complaint(format!("{source}: {error}")))?;
    if text.len() as u64 > LONGEST {
        return Err(Complaint(format!("{source}: longer than {LONGEST} bytes, which no history is")));
    }
    Ok((source, text))
}

/// Strategies take amounts: a payload that somebody wrote must be one.
fn is_an_amount(message: &Published) -> Result<(), &str> {
    match &message.payload {
        Payload::Written(text) if text.parse::<i64>().is_err() => Err(text),
        Payload::Written(_) | Payload::Generated { .. } => Ok(()),
    }
}

/// Where a history that could be read speaks of this message, as its errors tell places.
fn location(text: &str, place: usize) -> String {
    let text_form = format!("message m{place} ");
    if let Some((at, line)) = (1..).zip(text.lines()).find(|(_, line)| line.trim_start().starts_with(&text_form)) {
        return format!("line {at}, column {}", 1 + line.chars().take_while(|c| c.is_whitespace()).count());
    }
    let before = text.split(&format!(";m{place}=")).next().unwrap_or_default();
    format!("column {}", before.chars().count() + 2)
}
