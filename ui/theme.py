"""Colours and type of Gradio's own components; the rest is in assets/style.css."""

import gradio as gr

_TEAL = gr.themes.Color(
    c50="#eef7f5", c100="#d6ebe7", c200="#aed8d0", c300="#7fbfb3", c400="#4fa294", c500="#2b8577",
    c600="#0f6b5f", c700="#0c574d", c800="#0a453e", c900="#08362f", c950="#052421",
)  # fmt: skip
_PAPER = gr.themes.Color(
    c50="#faf8f3", c100="#f3f0e8", c200="#e5e0d4", c300="#d0c9ba", c400="#a39c8e", c500="#777165",
    c600="#5b564c", c700="#444038", c800="#2b2923", c900="#1c1b17", c950="#131210",
)  # fmt: skip


def make_theme() -> gr.themes.Base:
    # Of the bundled fonts only the regular and bold files are complete.
    font = [gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif"]
    mono = [gr.themes.LocalFont("IBM Plex Mono", weights=(400, 700)), "ui-monospace", "monospace"]
    theme = gr.themes.Base(primary_hue=_TEAL, secondary_hue=_TEAL, neutral_hue=_PAPER, font=font, font_mono=mono)
    return theme.set(
        body_background_fill="#faf8f3",
        body_background_fill_dark="#171613",
        body_text_color="#22201b",
        body_text_color_dark="#ece8de",
        body_text_color_subdued="#5b564c",
        body_text_color_subdued_dark="#c5bfb1",
        block_background_fill="#ffffff",
        block_background_fill_dark="#211f1b",
        block_border_width="1px",
        block_border_color="#e5e0d4",
        block_border_color_dark="#3a372f",
        block_shadow="none",
        input_border_width="1px",
        button_border_width="1px",
        block_radius="12px",
        input_radius="8px",
        block_label_text_color="#5b564c",
        block_label_text_color_dark="#c5bfb1",
        block_title_text_color="#5b564c",
        block_title_text_color_dark="#c5bfb1",
        input_background_fill="#ffffff",
        input_background_fill_dark="#211f1b",
        input_border_color="#d0c9ba",
        input_border_color_dark="#4a463c",
        input_placeholder_color="#777165",
        input_placeholder_color_dark="#a39c8e",
        button_primary_background_fill="#0f6b5f",
        button_primary_background_fill_hover="#0c574d",
        button_primary_background_fill_dark="#257566",
        button_primary_text_color="#ffffff",
        button_secondary_background_fill="#ffffff",
        button_secondary_background_fill_dark="#2b2923",
        button_secondary_border_color="#d0c9ba",
        button_secondary_border_color_dark="#4a463c",
    )
