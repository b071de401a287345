use super::*;
use crate::checkpoint::Kind;

const INPUTS: usize = 10;
const OUTPUTS: usize = 9;
const BATCH: usize = 6;
const BETA: f32 = 0.7;

fn random(seed: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed)
}

fn normal(seed: usize, count: usize) -> Vec<f32> {
    let mut random = crate::random::Stream::new(9, seed);
    (0..count).map(|_| math::normalf(random.next())).collect()
}

/// A layer in double precision, by its formula.
fn layer(dense: &Dense, x: &[f64]) -> Vec<f64> {
    let weight = |input, output| f64::from(dense.value(input, output));
    let sum = |output| {
        let products = x.iter().enumerate().map(|(input, x)| x * weight(input, output));
        weight(dense.inputs(), output) + products.sum::<f64>()
    };
    (0..dense.outputs()).map(sum).collect()
}

/// Half the sum of squares of the values, plus beta times the divergence, of one row in double precision: another
/// program than the one that is tested.
fn loss_of_row(network: &Network, input: &[f32], noise: &[f32]) -> f64 {
    let input: Vec<_> = input.iter().copied().map(f64::from).collect();
    let hidden: Vec<_> = layer(&network.first, &input).into_iter().map(|h| h.max(0.0)).collect();
    let middle = layer(&network.middle, &hidden);
    let (mut code, mut divergence) = (Vec::new(), 0.0);
    for index in 0..WIDTH {
        if !network.bottleneck {
            code.push(middle[index].max(0.0));
            continue;
        }
        let (mean, log_variance) = (middle[index], middle[WIDTH + index].clamp(-8.0, 4.0));
        code.push(mean + (0.5 * log_variance).exp() * f64::from(noise[index]));
        divergence += 0.5 * (mean * mean + log_variance.exp() - 1.0 - log_variance) / WIDTH as f64;
    }
    let squares = layer(&network.heads, &code).iter().map(|value| 0.5 * value * value).sum::<f64>();
    squares + f64::from(BETA) * divergence
}

fn loss(network: &Network, pass: &Pass) -> f64 {
    let rows = pass.input.chunks_exact(INPUTS).zip(pass.noise.chunks_exact(WIDTH));
    rows.map(|(input, noise)| loss_of_row(network, input, noise)).sum()
}

fn dense(network: &mut Network, index: usize) -> &mut Dense {
    match index {
        0 => &mut network.first,
        1 => &mut network.middle,
        _ => &mut network.heads,
    }
}

/// The derivative of the loss by one weight, from weights a little to both sides.
fn difference(network: &mut Network, pass: &Pass, index: usize, place: (usize, usize)) -> f64 {
    const H: f32 = 1.0 / 4_096.0;
    let original = dense(network, index).value(place.0, place.1);
    let mut at = |value: f32| {
        *dense(network, index).value_mut(place.0, place.1) = value;
        (f64::from(value), loss(network, pass))
    };
    let (above, below) = (at(original + H), at(original - H));
    at(original);
    (above.1 - below.1) / (above.0 - below.0)
}

#[test]
fn the_gradient_is_that_of_finite_differences_in_double_precision_to_1e_5() {
    for bottleneck in [false, true] {
        let mut network = Network::new(INPUTS, OUTPUTS, bottleneck, &mut random(2));
        let mut pass = Pass::new(&network, BATCH);
        pass.input.copy_from_slice(&normal(1, BATCH * INPUTS));
        network.forward(Some(&mut Noise::new(&mut random(3))), &mut pass);
        let mut backward = Backward::new(&network, BATCH);
        let of_values = pass.values.clone();
        backward.gather(&network, &pass, &of_values, BETA);
        for index in 0..3 {
            let gradient = backward.gradients()[index].to_vec();
            let scale = gradient.iter().fold(0.0f64, |scale, g| scale.max(f64::from(g.abs())));
            assert!(scale > 1e-3, "layer {index} has no gradient");
            let (inputs, outputs, row) = (
                dense(&mut network, index).inputs(),
                dense(&mut network, index).outputs(),
                dense(&mut network, index).row(),
            );
            let (mut looked, mut kinks) = (0, 0);
            for place in
                (0..=inputs).flat_map(|input| (0..outputs).map(move |output| (input, output))).step_by(5)
            {
                let found = f64::from(gradient[place.0 * row + place.1]);
                let error = (found - difference(&mut network, &pass, index, place)).abs() / scale;
                looked += 1;
                kinks += usize::from(error > 1e-5);
                assert!(error < 1e-2, "{bottleneck} layer {index} {place:?}: {error}");
            }
            // A difference across the kink of a ReLU is no derivative: rare, and small.
            assert!(kinks * 50 <= looked, "{bottleneck} layer {index}: {kinks} of {looked} beyond 1e-5");
        }
    }
}

#[test]
fn the_bottleneck_is_deterministic_without_noise_and_not_with_it() {
    let network = Network::new(INPUTS, OUTPUTS, true, &mut random(2));
    let mut passes = [Pass::new(&network, 2), Pass::new(&network, 2)];
    let mut noise = Noise::new(&mut random(5));
    for pass in &mut passes {
        pass.input.copy_from_slice(&normal(1, 2 * INPUTS));
        network.forward(None, pass);
    }
    assert_eq!(passes[0].values, passes[1].values);
    network.forward(Some(&mut noise), &mut passes[1]);
    assert_ne!(passes[0].values, passes[1].values);
    let values = passes[1].values.clone();
    network.forward(Some(&mut noise), &mut passes[1]);
    assert_ne!(values, passes[1].values);
}

#[test]
fn adam_learns_a_small_regression() {
    let mut network = Network::new(2, 1, false, &mut random(1));
    let mut pass = Pass::new(&network, 4);
    let mut backward = Backward::new(&network, 4);
    let cases = [([0.0, 0.0], 0.0), ([0.0, 1.0], 1.0), ([1.0, 0.0], 1.0), ([1.0, 1.0], 0.0)];
    for (row, (input, _)) in cases.iter().enumerate() {
        pass.input_mut(row).copy_from_slice(input);
    }
    for _ in 1..=1_500 {
        network.forward(None, &mut pass);
        let mut of_values = vec![0.0; 4 * 16];
        for (row, (_, wanted)) in cases.iter().enumerate() {
            of_values[16 * row] = pass.values(row)[0] - wanted;
        }
        backward.gather(&network, &pass, &of_values, 0.0);
        backward.descend(&mut network, 5e-3, 0.25);
    }
    network.forward(None, &mut pass);
    for (row, (input, wanted)) in cases.iter().enumerate() {
        assert!((pass.values(row)[0] - wanted).abs() < 0.05, "{input:?}: {}", pass.values(row)[0]);
    }
}

#[test]
fn weights_come_back_from_a_checkpoint_under_plain_names() {
    for (bottleneck, names) in [(true, ["log_variance", "mean"]), (false, ["middle", "middle"])] {
        let network = Network::new(INPUTS, OUTPUTS, bottleneck, &mut random(2));
        let mut file = Checkpoint::new(Kind::Weights);
        file.store("", &network);
        let shapes: Vec<_> =
            file.tensors().map(|(name, tensor)| format!("{name} {}", tensor.outline())).collect();
        assert!(shapes.contains(&"first.weight F32 [64, 10]".to_owned()), "{shapes:?}");
        assert!(names.iter().all(|name| shapes.contains(&format!("{name}.weight F32 [32, 64]"))));
        assert!(shapes.contains(&"heads.bias F32 [9]".to_owned()));
        let mut other = Network::new(INPUTS, OUTPUTS, bottleneck, &mut random(3));
        assert_ne!(network, other);
        file.restore("", &mut other).unwrap();
        assert_eq!(network, other);
        let mut unlike = Network::new(INPUTS, OUTPUTS, !bottleneck, &mut random(3));
        assert!(file.restore("", &mut unlike).is_err());
        assert_eq!(Network::from_checkpoint(&file).unwrap(), network);
    }
}
