using Ekiben.Broadcasts;
using Ekiben.Mail;
using Ekiben.Web;

namespace Ekiben.Subscribers;

/// <summary>Bento's route that forgets a person. Its word "queued" is kept; here it is done when it answers.</summary>
internal static class BentoErasureApi
{
    public static void MapBentoErasure(this RouteGroupBuilder bento) =>
        bento.Map("POST", "/data_deletion_requests", EraseAsync).WithTags("Bento: people")
            .Describe("Forget a person", typeof(Forgotten), typeof(DeletionBody), StatusCodes.Status202Accepted);

    private static async Task<Answer> EraseAsync(ApiRequest request)
    {
        var email = BentoValues.Text(request.Field("data_deletion_request"), "email") ?? request.Query("data_deletion_request[email]");
        if (email is null || !EmailAddress.TryParse(BentoValues.DecodeAgain(email), out var address, out _))
        {
            return Answer.Error(StatusCodes.Status422UnprocessableEntity, email is null ? "data_deletion_request.email is required" : "data_deletion_request.email is no address");
        }

        return await request.WriteAsync(async () =>
        {
            var erasure = new Erasure(request.Db, request.SiteId, request.Actor, request.Service<TimeProvider>().GetUtcNow());
            return await erasure.RunAsync(AddressHash.Of(request.Service<InstanceKey>(), address.Normalised), request.Cancel)
                ? Answer.Accepted(new Forgotten("queued_for_anonymization"))
                : Answer.Error(StatusCodes.Status404NotFound, "visitor_not_found");
        });
    }

    private sealed record Forgotten(string Status);
}
