//! x
use super::{
    Failure, Figures, LearnerSpec, Outcome, Path, PathBuf, Scenario, SecondLine, SecondScenario, Trained, put,
};
pub(super) fn terminal(_: &Trained) -> String {
    String::new()
}
pub(super) fn tuned_reward(_: &LearnerSpec, _: &[Outcome]) -> Option<f64> {
    None
}
pub(super) fn write(
    out: &Path,
    _: &str,
    _: &[(Scenario, Vec<Figures>)],
    _: &Trained,
    second: &[(SecondScenario, Vec<SecondLine>)],
) -> Result<PathBuf, Failure> {
    for (s, l) in second {
        for l in l {
            anstream::println!(
                "{} {} {:?} {:?} {}",
                s.name(),
                l.candidate.name,
                l.chosen,
                l.tuned,
                l.outcomes.len()
            );
        }
    }
    put(out, "report.md", "")?;
    Ok(out.join("report.md"))
}
