//! `replay HISTORY --strategy STRATEGY`: replays one history, from a line, a file or standard input.

use std::{
    fs::File,
    io::{self, Read, Write},
};

use clap::Args;
use redeliver_harness::{DeliveryModel, History, history::Payload};

use super::{
    Answer, Checked, Complaint, Program,
    arguments::{Much, On, Printed, model_parser},
    remark, words,
};

/// A longer text is no history.
const LONGEST: u64 = 1 << 20;

/// What is replayed, and against what.
#[derive(Args)]
pub(super) struct Replay {
    /// A line such as `r1:…`, a file that holds a line or the text of a history, or `-` for standard input
    #[arg(value_name = "HISTORY")]
    history: String,
    /// The strategy or twin; `list` names them all
    #[arg(long, hide_possible_values = true)]
    strategy: String,
    #[command(flatten)]
    on: On,
    /// Replays it under this delivery model instead of its own
    #[arg(long, value_name = "MODEL", value_parser = model_parser())]
    model: Option<DeliveryModel>,
    #[command(flatten)]
    printed: Printed,
}

impl Replay {
    pub(super) fn run(&self, program: &Program, err: &mut dyn Write) -> Result<Answer, Complaint> {
        let checked = program.named(&self.strategy)?;
        let on = self.on.of(checked)?;
        let (source, text) = self.text()?;
        let (mut history, printed_for) =
            History::parse_any(&text).map_err(|error| Complaint(format!("{source}: {error}")))?;
        if let Some(refused) = refused_payload(checked, &history, &text) {
            return Err(Complaint(format!("{source}: {refused}")));
        }
        if let Some(model) = self.model {
            history.model = model;
            history.validate().map_err(|error| Complaint(format!("{source}: under {}: {error}", model.name())))?;
        }
        // Whoever names a strategy means it: a twin's history is worth replaying against what it is a twin of.
        if let Some(other) = printed_for.filter(|name| name != checked.name) {
            remark(err, &format!("note: this line was printed for `{other}`"));
        }
        let how = program.how(checked, on, history.model, &Much::default());
        Ok(words::answer(checked, &on.check.replay(&history, &how), self.printed.format))
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

/// What is wrong with a payload that somebody wrote, if one is no payload here.
fn refused_payload(checked: &Checked, history: &History, text: &str) -> Option<String> {
    let payloads = checked.payloads.as_ref()?;
    history.messages.iter().enumerate().find_map(|(place, message)| match &message.payload {
        Payload::Written(found) if !(payloads.can_be)(found) => {
            let (at, expected) = (location(text, place), payloads.expected);
            Some(format!("{at}: expected {expected} as m{place}'s payload, found `{found}`"))
        }
        Payload::Written(_) | Payload::Generated { .. } => None,
    })
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
