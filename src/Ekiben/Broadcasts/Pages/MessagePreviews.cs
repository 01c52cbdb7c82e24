using Ekiben.Delivery;
using Ekiben.Mail;
using Ekiben.Storage;

namespace Ekiben.Broadcasts.Pages;

/// <summary>A message as one person would get it, or the sentence why it cannot be made.</summary>
internal sealed record RenderedPreview(string Subject, string Html, string Text, string? PreviewText, string? Problem);

/// <summary>Renders previews by the path of the real send, so that what is approved is what goes out.</summary>
internal sealed class MessagePreviews(MessageComposer composer)
{
    public async Task<RenderedPreview> RenderAsync(ReviewedBroadcast reviewed, SubscriberId person, CancellationToken cancel)
    {
        try
        {
            var preview = await composer.PreviewAsync(reviewed.Broadcast, person, cancel);
            return new RenderedPreview(preview.Subject, preview.Html, preview.Text, preview.PreviewText, null);
        }
        catch (CompileException error)
        {
            return Broken(reviewed, Describe(error));
        }
        catch (RenderException error)
        {
            return Broken(reviewed, $"The message cannot be made for this person: {error.Message}");
        }
    }

    /// <summary>Where in what the author wrote the fault is.</summary>
    public static string Describe(CompileException error) =>
        $"The {error.Field.Replace('_', ' ')} cannot be used: {error.Message}" + (error.Line > 0 ? $" (line {error.Line}, column {error.Column})" : "");

    private static RenderedPreview Broken(ReviewedBroadcast reviewed, string problem) =>
        new(reviewed.Broadcast.Subject, "", "", reviewed.Broadcast.PreviewText, problem);
}
