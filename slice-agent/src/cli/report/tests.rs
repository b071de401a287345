use slice_agent::study::{Judged, TrainingCurve};

use super::*;

fn judged(seed: u64) -> Judged {
    let value = seed as f64;
    Judged {
        conflicts: value,
        trimmed: value,
        reward: 100.0 + value,
        latency_ms: 1.0 + value,
        network_utilisation: 0.3,
        exploitation: 0.4,
        dropped: 0.1,
        latency_bins: vec![3, 1, 0, 2],
    }
}

/// An outcome of a job without the work.
fn outcome(job: Job) -> Outcome {
    let episodes = usize::try_from(job.episodes).unwrap();
    let training = TrainingCurve {
        conflicts_of_ten: vec![50; episodes / 10],
        hundreds: (0..episodes / 100).map(|_| judged(5)).collect(),
    };
    let judged = job.judgements.iter().map(|(name, _)| (name.clone(), judged(job.seed % 10))).collect();
    Outcome { job, training, judged }
}

fn everything() -> (Trained, Vec<(SecondScenario, Vec<SecondLine>)>) {
    let of_group = |group| (group, suite(group, 10, 500, 1).into_iter().map(outcome).collect());
    let trained = Trained { groups: Group::ALL.into_iter().map(of_group).collect(), seeds: 10 };
    let line = |scenario, candidate: Candidate| {
        let chosen = candidate.choices[0].clone();
        let outcomes = Second::FULL.judging(scenario, &candidate, &chosen).into_iter().map(outcome).collect();
        SecondLine { tuned: (candidate.choices.len() > 1).then_some(1.0), candidate, chosen, outcomes }
    };
    let lines =
        |scenario| Second::candidates().into_iter().map(|candidate| line(scenario, candidate)).collect();
    let second = SecondScenario::ALL.into_iter().map(|scenario| (scenario, lines(scenario))).collect();
    (trained, second)
}

/// What a page names as `](file)`.
fn links(page: &str) -> Vec<&str> {
    page.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(link, _)| link)).collect()
}

#[test]
fn the_page_has_every_part_and_every_file_that_it_names() {
    let out = tempfile::tempdir().unwrap();
    fs::create_dir_all(out.path().join("data")).unwrap();
    let (trained, second) = everything();
    let page = page::write(out.path(), "slice-agent report", &[], &trained, &second).unwrap();
    let text = fs::read_to_string(page).unwrap();
    for link in links(&text).into_iter().filter(|link| !link.starts_with("../")) {
        let svg = fs::read_to_string(out.path().join(link)).unwrap();
        assert!(svg.trim_end().ends_with("</svg>"), "{link}");
    }
    assert!(links(&text).len() >= 12);
    for part in ["Rule A", "Rule B", "Equal schedules", "Ablations", "message space", "Second evaluation"] {
        assert!(text.contains(part), "{part} is missing");
    }
    for learner in ["step", "madrl", "predefined", "vdn", "qmix", "mappo", "dial", "tuned rule"] {
        assert!(text.contains(&format!("| {learner} |")), "{learner} is missing");
    }
    assert!(!text.contains("NaN"), "a figure is no number");
}

#[test]
fn the_figures_on_the_page_are_in_the_files_beside_it() {
    let out = tempfile::tempdir().unwrap();
    fs::create_dir_all(out.path().join("data")).unwrap();
    let (trained, second) = everything();
    page::write(out.path(), "slice-agent report", &[], &trained, &second).unwrap();
    let csv = fs::read_to_string(out.path().join("data/trained.csv")).unwrap();
    // Seeds 0 to 9 with rewards 100 to 109: mean 104.5, deviation 3.0277, quantile 2.262.
    let line = csv.lines().find(|line| line.starts_with("rule-a,step,10,no,reward,")).unwrap();
    let numbers: Vec<f64> = line.split(',').skip(5).map(|number| number.parse().unwrap()).collect();
    for (number, expected) in numbers.iter().zip([104.5, 102.334, 106.666]) {
        assert!((number - expected).abs() < 0.001, "{line}");
    }
    let second = fs::read_to_string(out.path().join("data/second.csv")).unwrap();
    assert!(second.lines().count() > 3 * 9 * 10 * 2);
}

#[test]
fn a_part_that_is_not_there_is_refused_by_name() {
    assert_eq!(part("second").unwrap(), "second");
    assert!(part("third").unwrap_err().contains("rule-a, rule-b, schedule"));
}
