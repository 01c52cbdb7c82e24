namespace Ekiben.Web;

/// <summary>Ekiben has no workflows, so the list of them is true and empty.</summary>
internal static class BentoFlowsApi
{
    private const int MaxPage = 1_000_000;

    public static void MapBentoFlows(this RouteGroupBuilder bento)
    {
        bento.Map("GET", "/fetch/workflows", NoneAsync).WithTags("Bento: flows").Describe("Workflows: there are none", typeof(BentoList), query: [QueryOf.Page]);
    }

    private static Task<Answer> NoneAsync(ApiRequest request) =>
        Task.FromResult(Answer.Ok(new { data = Array.Empty<BentoRecord>(), meta = new { page = request.Query("page", 1, 1, MaxPage) } }));
}
