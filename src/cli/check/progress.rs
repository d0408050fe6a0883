//! How far a complete search is, on a terminal: how much there is to do before it begins, and a bar while it goes on. Elsewhere
//! nothing is shown, and what a check prints is the same each time.

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use redeliver_harness::{Bounds, Progress, Watcher};

/// A search that is shown. Dropped, its bar is cleared away.
pub(super) struct Shown {
    bounds: Bounds,
    most: u64,
    bar: ProgressBar,
}

/// Shows a search of this workload, which is given up after so many executions.
pub(super) fn shown(bounds: Bounds, most: u64, target: ProgressDrawTarget) -> Shown {
    let bar = ProgressBar::with_draw_target(Some(most), target);
    let style = "{bar:40} {human_pos} of at most {human_len} executions{msg}";
    bar.set_style(ProgressStyle::with_template(style).expect("it is tested"));
    Shown { bounds, most, bar }
}

impl Shown {
    pub(super) fn watcher(&self) -> Watcher {
        let (bounds, most, bar) = (self.bounds, self.most, self.bar.clone());
        Watcher::new(move |progress| match progress {
            Progress { executions: 0, cut: 0, .. } => begins(&bar, bounds, most, progress.schedules),
            Progress { executions, cut, .. } => {
                bar.set_position(executions);
                if cut > 0 {
                    bar.set_message(format!(", and {} cut short", HumanCount(cut)));
                }
            }
        })
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Says how much there is to do.
fn begins(bar: &ProgressBar, bounds: Bounds, most: u64, schedules: u128) {
    let counted = u64::try_from(schedules).ok();
    let about = counted.map_or_else(|| "more schedules than can be counted".to_owned(), about);
    bar.println(format!("{bounds}: {about}; of those that come to the same, one is run"));
    // There are never more executions than schedules, but for what is estimated too low.
    bar.set_length(counted.map_or(most, |schedules| schedules.min(most)));
}

fn about(schedules: u64) -> String {
    format!("about {} {}", HumanCount(schedules), if schedules == 1 { "schedule" } else { "schedules" })
}

#[cfg(test)]
mod tests {
    use std::{
        fmt, io,
        sync::{Arc, Mutex},
    };

    use indicatif::TermLike;
    use redeliver_harness::{Delivery, Harness, KeyValue, Verdict};

    use super::*;

    /// A terminal that keeps what is written to it.
    #[derive(Clone, Default)]
    struct Terminal(Arc<Mutex<String>>);

    impl fmt::Debug for Terminal {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Terminal")
        }
    }

    impl TermLike for Terminal {
        fn width(&self) -> u16 {
            200
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)?;
            self.write_str("\n")
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().expect("nobody panics with it").push_str(text);
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_estimate_is_said_before_the_first_execution_and_a_bar_follows() {
        let terminal = Terminal::default();
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let bounds = Bounds::default();
        let shown = shown(bounds, 1_000_000, target);
        let store = KeyValue::new("bank").observed();
        let prepared = Harness::new(store).prepare(1..1000i64, async |kv: &KeyValue, m: &Delivery<i64>| {
            kv.put_if_absent(m.id(), "100", None).await.map(drop)
        });
        let verdict = prepared.complete(bounds).watched(shown.watcher()).verdict();
        assert!(matches!(verdict, Verdict::Holds(_)), "{}", verdict.report("atomic"));
        drop(shown);
        let written = terminal.0.lock().expect("nobody panics with it").clone();
        let estimate = "2 messages × 2 copies × 2 processes × 1 crash: about 910 schedules";
        let (said, bar) = (written.find(estimate), written.find("of at most 910 executions"));
        assert!(said.is_some() && said < bar, "{written}");
    }

    #[test]
    fn what_cannot_be_counted_is_said_to_be_so() {
        let terminal = Terminal::default();
        let shown = shown(Bounds::default(), 50, ProgressDrawTarget::term_like(Box::new(terminal.clone())));
        begins(&shown.bar, shown.bounds, shown.most, u128::MAX);
        assert!(terminal.0.lock().expect("nobody panics with it").contains("more schedules than can be counted"));
    }
}
