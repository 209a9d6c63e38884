from django.urls import URLPattern, URLResolver, path

from smartqueue.agents.interfaces import rest

urlpatterns: list[URLPattern | URLResolver] = [
    path("skills/", rest.SkillListView.as_view(), name="skills"),
    path("skills/<uuid:pk>/", rest.SkillView.as_view(), name="skill"),
    path("agents/", rest.AgentListView.as_view(), name="agents"),
]
