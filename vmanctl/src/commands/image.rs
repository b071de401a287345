//! Images in vmand's store.

use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use vman_core::client::IMAGE_PREFIX;
use vman_core::command::{Command, ImageDelete};

use super::Context;
use crate::error::Failure;
use crate::output;

pub(super) fn put(file: &Path, context: &mut Context<'_>) -> Result<(), Failure> {
    let image = upload(file, context)?;
    if context.json {
        return context.json_line(&json!({ "image": image }));
    }
    Ok(writeln!(context.out, "{image}")?)
}

pub(super) fn list(context: &mut Context<'_>) -> Result<(), Failure> {
    context.show(&Command::ImageList, output::images::text)
}

pub(super) fn delete(image: &str, context: &mut Context<'_>) -> Result<(), Failure> {
    let digest = image.strip_prefix(IMAGE_PREFIX).unwrap_or(image).to_owned();
    let text = format!("Image {IMAGE_PREFIX}{digest} deleted\n");
    let command = Command::ImageDelete(ImageDelete { digest });
    context.show(&command, |_: &serde::de::IgnoredAny, _| text)
}

/// Brings a file into the store, with a progress bar on a terminal, and gives its name there.
pub(super) fn upload(path: &Path, context: &mut Context<'_>) -> Result<String, Failure> {
    let bar = bar(path, context.err_is_terminal && !context.json);
    let image = context.target.upload(path, &mut |sent, size| {
        bar.set_length(size);
        bar.set_position(sent);
    });
    bar.finish_and_clear();
    Ok(image?)
}

fn bar(path: &Path, visible: bool) -> ProgressBar {
    let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style =
        ProgressStyle::with_template("{msg} [{wide_bar}] {bytes}/{total_bytes} {bytes_per_sec} {eta}");
    let bar = ProgressBar::with_draw_target(Some(0), target);
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    match style {
        Ok(style) => bar.with_style(style.progress_chars("=> ")).with_message(name),
        Err(_) => bar,
    }
}
