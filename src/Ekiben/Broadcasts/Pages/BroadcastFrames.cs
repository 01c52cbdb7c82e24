using Ekiben.Storage;
using Ekiben.Web;

namespace Ekiben.Broadcasts.Pages;

/// <summary>The address that the preview's frame shows: the message as one person of the audience would get it.</summary>
internal static class BroadcastFrames
{
    public static void MapBroadcastFrames(this IEndpointRouteBuilder app) =>
        app.MapGet("/broadcasts/{id:long}/preview", ShowAsync).RequireAuthorization(Accounts.Policies.Look);

    private static async Task<IResult> ShowAsync(
        long id, long person, HttpContext http, BroadcastReview review, MessagePreviews previews, CancellationToken cancel, bool images = false, bool dark = false)
    {
        if (await review.FindAsync(new BroadcastId(id), cancel) is not { } reviewed
            || await review.FindPersonAsync(reviewed.Site.Id, new SubscriberId(person), cancel) is not { } reader)
        {
            return Results.NotFound();
        }

        var preview = await previews.RenderAsync(reviewed, reader.Id, cancel);
        return preview.Problem is { } problem ? PreviewFrame.Text(http, problem) : PreviewFrame.Html(http, preview.Html, images, dark);
    }
}
