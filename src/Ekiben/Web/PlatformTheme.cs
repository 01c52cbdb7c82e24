using MudBlazor;

namespace Ekiben.Web;

/// <summary>The palette of wwwroot/app.css in MudBlazor's terms: the stock one fails the contrast that WCAG 2.2 §1.4.3 asks for.</summary>
internal static class PlatformTheme
{
    private static readonly string[] Fonts = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif"];

    public static readonly MudTheme Theme = new()
    {
        PaletteLight = new PaletteLight
        {
            Primary = "#0d5f5a",
            PrimaryContrastText = "#ffffff",
            Secondary = "#a8261c",
            Error = "#a8261c",
            ErrorContrastText = "#ffffff",
            Success = "#1f6b3a",
            Warning = "#7a4b00",
            Info = "#1f5896",
            Background = "#f7f5f1",
            Surface = "#ffffff",
            TextPrimary = "#1d2327",
            TextSecondary = "#565f66",
            TextDisabled = "#6b747b",
            ActionDefault = "#1d2327",
            Divider = "#e3dfd8",
            LinesDefault = "#e3dfd8",
            LinesInputs = "#8b9298",
        },
        PaletteDark = new PaletteDark
        {
            Primary = "#7fd6c9",
            PrimaryContrastText = "#06302d",
            Secondary = "#ff9d92",
            Error = "#ff9d92",
            ErrorContrastText = "#3b0d08",
            Success = "#7fd79b",
            Warning = "#f0c069",
            Info = "#8fc1f5",
            Background = "#131619",
            Surface = "#1b2025",
            TextPrimary = "#e8eaec",
            TextSecondary = "#a9b2b9",
            TextDisabled = "#8b949b",
            ActionDefault = "#e8eaec",
            Divider = "#2f363d",
            LinesDefault = "#2f363d",
            LinesInputs = "#7a838a",
        },
        LayoutProperties = new LayoutProperties { DefaultBorderRadius = "8px" },
        Typography = new Typography
        {
            Default = new DefaultTypography { FontFamily = Fonts },
            Button = new ButtonTypography { FontFamily = Fonts, TextTransform = "none", FontWeight = "600", LetterSpacing = "0" },
        },
    };
}
